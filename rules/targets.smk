# Names for what people ask for; `snakemake --list` is the menu (scripts/relab/menu.py).
for TARGET in targets(SETTINGS):

    rule:
        name:
            TARGET.name
        input:
            TARGET.files,

    workflow.get_rule(TARGET.name).docstring = TARGET.description
