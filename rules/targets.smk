# Names for what people ask for; `snakemake --list` is the menu.


def target(name, docstring, paths):
    """A rule without a job of its own: what it names."""

    rule:
        name:
            name
        input:
            paths,

    workflow.get_rule(name).docstring = docstring


for CHAPTER in SETTINGS.contents.chapters:
    target(
        CHAPTER.key, f"Tables and figures of {CHAPTER.id}: {CHAPTER.title}.", sum(SETTINGS.contents.targets(CHAPTER.key), [])
    )
    for SECTION in CHAPTER.rows:
        target(
            SECTION.id,
            f"Tables and figures of {SECTION.id}: {SECTION.title}.",
            sum(SETTINGS.contents.targets(CHAPTER.key, SECTION.id), []),
        )

for KIND in KINDS.values():
    target("fetch" if KIND.name == "assets" else KIND.name, f"{KIND.about} that the report needs.", SETTINGS.needed_of(KIND))


rule features:
    """Every text that the report's probes need, encoded."""
    input:
        report_jobs.features(SETTINGS),


rule ledger:
    """What the write-ups found, scored: results/tables/overview/ledger.csv."""
    input:
        "results/tables/overview/ledger.csv",
