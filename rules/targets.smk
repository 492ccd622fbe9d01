# Names for what people ask for; `snakemake --list` is the menu.
TARGETS = [
    (chapter.key, f"Tables and figures of {chapter.id}: {chapter.title}.", sum(SETTINGS.contents.targets(chapter.key), []))
    for chapter in SETTINGS.contents.chapters
]
TARGETS += [
    (
        section.id,
        f"Tables and figures of {section.id}: {section.title}.",
        sum(SETTINGS.contents.targets(chapter.key, section.id), []),
    )
    for chapter in SETTINGS.contents.chapters
    for section in chapter.rows
]
TARGETS += [
    ("fetch" if kind.name == "assets" else kind.name, f"{kind.about} that the report needs.", SETTINGS.needed_files(kind))
    for kind in KINDS.values()
]

for TARGET, ABOUT, PATHS in TARGETS:

    rule:
        name:
            TARGET
        input:
            PATHS,

    workflow.get_rule(TARGET).docstring = ABOUT


rule features:
    """Every text that the report's probes need, encoded."""
    input:
        report_jobs.features(SETTINGS),


rule ledger:
    """What the write-ups found, scored: results/tables/overview/ledger.csv."""
    input:
        "results/tables/overview/ledger.csv",
