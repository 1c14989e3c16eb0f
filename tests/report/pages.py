"""A page with every kind of block."""

from functools import cache

from tests.report import drawn
from xlt_train.report.blocks import Note, Page, Section
from xlt_train.report.drawing import Drawing
from xlt_train.report.figures.save import picture, svg_text
from xlt_train.report.tables import Cell, Column, Table, best_in_columns, row

SIGNATURE = (
    "method=rs-da m=3 p=uniform seeds=1..10 model=bert-base-multilingual-cased data=4de5eac3 tests=9f2c41d0 precision=float32 "
    * 2
)
SHOWN = ("heat-7", "heat-15", "gain", "m")


def wide_table() -> Table:
    lines = [
        row(
            name,
            *(
                Cell(0.5 + k / 100, sd=0.01, underlined=k % 3 == 0, note="At chance <level> & below." if k == 4 else "")
                for k in range(15)
            ),
            None,
            group=group,
            signature=SIGNATURE,
        )
        for name, group in (("mBERT", "Published"), ("mBERT-RS-DA", "Measured"))
    ]
    head = (Column("Model", kind="text"), *(Column(name) for name in drawn.L15), Column("avg."))
    table = Table(
        name="xnli",
        title="XNLI",
        caption="Accuracy in percent.",
        head=head,
        rows=tuple(lines),
        notes=("Ten seeds.",),
        spread=True,
    )
    return best_in_columns(table)


def small_table() -> Table:
    head = (Column("language", kind="text"), Column("difference", unit="points"), Column("p", unit="p", digits=3))
    return Table(name="tests", title='Tests "A" & <B>', head=head, rows=(row("de", 0.02, 0.0001), row("sw", None, None)))


@cache
def drawings() -> tuple[Drawing, ...]:
    return tuple(drawn.ALL[name]() for name in SHOWN)


def page() -> Page:
    pictures = [picture(drawing, svg_text(drawing)) for drawing in drawings()]
    return Page(
        title="A report & its <figures>",
        summary="What was found, in one paragraph.",
        sections=(
            Section(
                "Accuracy",
                ("Each number is a mean.",),
                (wide_table(), Note("One seed only."), Note("At chance level.", "alarm")),
            ),
            Section("Différence réelle?", (), (small_table(), *pictures)),
            Section("", ("No title, no blocks.",)),
        ),
        foot=("Made from 20 runs, with a line that is long and has no places to break: " + "x" * 120,),
    )
