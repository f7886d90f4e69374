"""Where the user looks: search, panels, what the tree shows."""

from inspector.tui import looking, reasons
from inspector.tui.action import Action
from inspector.tui.copying import ask_what_to_copy
from inspector.tui.side import TITLES

LOOK = "Looking"
"""Their heading in the help screen."""

PANEL_HELP = {
    "overview": "Shapes, formula, receptive field and place of the row.",
    "parameters": "Parameters and buffers at or below the row.",
    "names": "The row's state_dict keys, explained part by part.",
    "values": "Statistics, histogram and values of the chosen tensor; once more to type an index.",
    "activations": "What each row put out in the last real pass, how long it took, the gradient flow over depth.",
    "source": "The source of the row's forward, or of the call.",
    "field": "What an output unit of the row sees of the input, drawn.",
    "check": "What the last check found, most severe first, and what each rule looks for.",
    "step": "Where a pass that is stepped through waits, and what is there.",
}

LOOK_ACTIONS = (
    Action(
        id="search",
        keys="slash",
        title="Search",
        help="Find rows by path, type or hyperparameters; enter keeps the place, esc returns.",
        group=LOOK,
        run=looking.search,
        in_footer=True,
        why_not=reasons.nothing_open,
        display="/",
    ),
    Action(
        id="next_match",
        keys="n",
        title="Next match",
        help="To the next row found.",
        group=LOOK,
        run=looking.next_match,
        why_not=reasons.nothing_sought,
    ),
    Action(
        id="previous_match",
        keys="N",
        title="Previous match",
        help="To the row found before.",
        group=LOOK,
        run=looking.previous_match,
        why_not=reasons.nothing_sought,
    ),
    *(
        Action(
            id=f"panel_{panel}",
            keys=str(number),
            title=f"Panel: {title}",
            help=PANEL_HELP[panel],
            group=LOOK,
            run=looking.open_panel(panel),
        )
        for number, (panel, title) in enumerate(TITLES.items(), 1)
    ),
    Action(
        id="field_chart",
        keys="F",
        title="Field picture or chart",
        help="From the receptive field's picture to the chart of field size against depth, and back.",
        group=LOOK,
        run=looking.switch_field,
        why_not=reasons.nothing_open,
    ),
    Action(
        id="values_form",
        keys="V",
        title="Numbers or picture",
        help="From numbers to a heat map of a slice, to a convolution's kernels (axis 0 down, axis 1 across), and on.",
        group=LOOK,
        run=looking.switch_values,
        why_not=reasons.no_picture,
    ),
    Action(
        id="output",
        keys="o",
        title="Values of the output",
        help="What the row put out in the last pass, in the panel of values; once more for its tensor. ONNX models.",
        group=LOOK,
        run=looking.switch_output,
        why_not=reasons.no_output,
    ),
    Action(
        id="next_pane",
        keys="tab",
        title="Switch side",
        short="Side",
        help="From the tree to the panel and back.",
        group=LOOK,
        run=looking.next_pane,
        in_footer=True,
        before_widgets=True,
    ),
    Action(
        id="zoom",
        keys="z",
        title="Zoom",
        help="Give the whole screen to the tree or the panel, and back.",
        group=LOOK,
        run=looking.zoom,
    ),
    Action(
        id="functions",
        keys="v",
        title="Function rows",
        help="Show or hide the functions called between modules.",
        group=LOOK,
        run=looking.toggle_functions,
        why_not=reasons.nothing_open,
    ),
    Action(
        id="blocks",
        keys="asterisk",
        title="Repeated blocks",
        help="Fold blocks that repeat into one line such as layers.0…31 ×32, or show every one.",
        group=LOOK,
        run=looking.toggle_blocks,
        why_not=reasons.nothing_open,
        display="*",
    ),
    Action(
        id="sparklines",
        keys="T",
        title="Values in the tree",
        help="Draw in the tree how the values of each row's output are distributed, ▁▂▇▃, or hide it.",
        group=LOOK,
        run=looking.toggle_sparklines,
        why_not=reasons.no_run,
    ),
    Action(
        id="spelling",
        keys="p",
        title="Key spelling",
        help="Write keys as in this model, without wrappers, or as saved from DataParallel.",
        group=LOOK,
        run=looking.change_spelling,
        why_not=reasons.nothing_open,
    ),
    Action(
        id="copy",
        keys="y",
        title="Copy",
        help="Copy a path, key, expression, shape or row, as text or JSON: a letter chooses, y again takes the first.",
        group=LOOK,
        run=ask_what_to_copy,
        why_not=reasons.nothing_open,
    ),
)
