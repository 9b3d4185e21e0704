# ruff: noqa: INP001
"""Writes docs/sample.pdf, the document that the README uploads: `python docs/make_sample_pdf.py`.

Town, people and figures are invented. The same text gives the same bytes.
"""

from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

TITLE = "Renovation of the Harwick Town Library"
SUBTITLE = "Report of the project office to the town council, 14 September 2026"

# Blocks stand between blank lines, pages between dashes.
TEXT = """\
# 1. Summary

The Harwick Town Library was built in 1931 and last renovated in 1974. In March 2024 the council
approved 4.2 million pounds to repair the roof, replace the heating, make all three floors
reachable without stairs, and move the children's department to the ground floor. Work began on 8
January 2025. This report describes the state of the project on 31 August 2026, what it has cost
so far, what we found on the way, and what the council has to decide before the building opens
again.

Three of the four parts are finished. The roof is watertight, the heat pumps have run since May,
and the children's department is furnished. The lift is late: its shaft stands, but the cabin
cannot be delivered before February 2027. The project has spent 3.86 million pounds, and we expect
a final cost of 4.47 million, which is 270,000 pounds, or 6.4 percent, above the approved budget.

We recommend opening the ground floor and the first floor on 30 November 2026 and the second floor
when the lift is in service. Waiting for the lift would keep the whole building closed for at
least three more months and cost about 19,000 pounds a month in rent for the temporary branch in
Mill Street.

# 2. Why the building had to close

A survey in 2023 counted 212 damp patches on the second floor. Rain came through the lead joints
of the north roof and had reached the local history collection twice, in 2019 and in 2022; 340
volumes were frozen and dried at a cost of 28,500 pounds. The gas boilers were 38 years old and
used 410 megawatt-hours a year. Nobody in a wheelchair could go beyond the entrance hall. Of 1,126
residents who answered our questionnaire, 61 percent said that the stairs had kept them or someone
in their family from using the library.

----

# 3. What has been done

Roof. All 1,480 square metres were stripped and covered with new slate on breathable felt, with 24
centimetres of wood-fibre insulation below. The work ended on 19 December 2025, five weeks late,
because the carpenters found dry rot in eleven of the forty trusses. Since then no leak has been
recorded, not even in the storm of 3 February 2026, which brought 52 millimetres of rain in one
day.

Heating. Two ground-source heat pumps of 60 kilowatts each draw on nine boreholes below the car
park. From May to August they met the whole demand for hot water and cooling. We calculate a
yearly use of 96 megawatt-hours of electricity and a saving of 71 tonnes of carbon dioxide. The
figure is a calculation: the first winter has yet to confirm it.

Children's department. It now takes up 420 square metres beside the entrance, with its own
toilets, a reading staircase for 60 children, and a room for school classes. Ms Okafor, who heads
the department, moved 18,200 items in nine days with the help of 74 volunteers.

Lift. The shaft was finished in June 2026. The maker of the cabin went into administration in
April. A new maker was chosen on 2 July; its contract promises delivery in the week of 15 February
2027 and puts a penalty of 1,500 pounds on each week of delay.

# 4. Costs

| Part | Budget 2024 | Spent by 31 August | Expected at the end |
| Roof | 1,350,000 | 1,512,000 | 1,512,000 |
| Heating | 980,000 | 941,000 | 955,000 |
| Lift and access | 720,000 | 486,000 | 861,000 |
| Children's department | 610,000 | 588,000 | 604,000 |
| Planning and reserve | 540,000 | 333,000 | 538,000 |
| Total | 4,200,000 | 3,860,000 | 4,470,000 |

All amounts are in pounds and include tax. The dry rot explains 162,000 pounds of the excess and
the change of lift maker 141,000; the other three parts together stay 33,000 pounds below their
budgets.

----

# 5. What we found

Finding 1. The survey of 2023 looked at the roof from outside only. Opening two trusses would have
cost about 4,000 pounds and would have shown the dry rot before the contract was signed, when
repairs could still have been part of the competition.

Finding 2. The reserve was too small. Ten percent is usual for new buildings; for buildings of
this age the national library association advises fifteen to twenty. Harwick had set aside 210,000
pounds, which is five percent.

Finding 3. One supplier for the lift was one too few. The project office had no right to the
drawings of the first maker, so the second had to measure and draw the cabin again. That took
seven weeks.

Finding 4. The temporary branch did better than expected. It lent 97,400 items in its first year,
58 percent of what the main library lent in 2023, on a tenth of the space. Four in ten of its
visitors had not used the library in the five years before, and most of them gave its late opening
on Thursdays as the reason.

# 6. Risks until the opening

The new maker of the lift may also be late; the penalty would cover about a third of the rent for
the temporary branch. The heat pumps have not yet met a cold week. If they cannot hold 20 degrees
at minus 8 outside, an electric heater for 35,000 pounds would be needed. Two of the nine
librarians retire in December, and only one post has been advertised.

----

# 7. Recommendations

1. Open the ground floor and the first floor on 30 November 2026. Bring books from the second
floor on request, within one hour, until the lift is in service.

2. Approve a further 270,000 pounds: 150,000 from the building reserve of the town and 120,000
from the sale of the old book depot in Quarry Lane.

3. Keep the temporary branch in Mill Street until 31 January 2027, and decide in January whether a
small branch with late opening should stay for good.

4. Open the main library on Thursdays until nine in the evening from the first week on.

5. Measure heat and electricity every month through the first winter and report to the council in
April 2027.

6. In future projects on buildings older than fifty years, open the structure before the contract
is signed, and hold a reserve of at least fifteen percent.

# 8. Decision needed

The council is asked to decide on recommendations 1 to 4 at its meeting on 6 October 2026. Without
a decision by 20 October the removal firm cannot keep its date, and the opening would move to 18
January 2027.

Prepared by Daniel Marsh, project office, and Grace Okafor, Harwick Town Library.
"""
PAGES = TEXT.split("\n----\n")


class Report(FPDF):
    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("helvetica", size=9)
        self.cell(0, 8, f"{TITLE}, page {self.page_no()} of {len(PAGES)}", align="C")


def make() -> bytes:
    pdf = Report()
    pdf.set_title(TITLE)
    pdf.set_creation_date(datetime(2026, 9, 14, 9, 0, tzinfo=UTC))
    pdf.set_margins(22, 20)
    for page in PAGES:
        pdf.add_page()
        if pdf.page_no() == 1:
            write(pdf, TITLE, size=18, style="B")
            write(pdf, SUBTITLE, size=10, style="I")
        for block in page.strip().split("\n\n"):
            if block.startswith("|"):
                write_table(pdf, block)
            elif block.startswith("# "):
                pdf.ln(2)
                write(pdf, block.removeprefix("# "), size=13, style="B")
            else:
                write(pdf, block.replace("\n", " "))
    return bytes(pdf.output())


def write(pdf: FPDF, text: str, *, size: int = 11, style: str = "") -> None:
    pdf.set_font("helvetica", style, size)
    pdf.multi_cell(0, size * 0.5, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(2.5)


def write_table(pdf: FPDF, block: str) -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
    pdf.set_font("helvetica", size=10)
    bold = FontFace(emphasis="BOLD")
    with pdf.table(
        rows, headings_style=bold, col_widths=(34, 20, 23, 23), text_align=("L", "R", "R", "R")
    ):
        pass
    pdf.ln(3)


if __name__ == "__main__":
    Path(__file__).with_name("sample.pdf").write_bytes(make())
