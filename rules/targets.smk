# Names for what people ask for; `snakemake --list` is the menu (scripts/relab/menu.py).
for TARGET in targets(SETTINGS):

    rule:
        name:
            TARGET.name
        input:
            TARGET.files,

    describe(TARGET.name, TARGET.description)
