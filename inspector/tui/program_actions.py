"""The program itself: help, palette, log, leaving."""

from inspector.tui import looking, reasons, workspaces
from inspector.tui.action import Action

PROGRAM = "The program"
"""Their heading in the help screen."""

PROGRAM_ACTIONS = (
    Action(id="quit", keys="q", title="Quit", help="Leave.", group=PROGRAM, run=looking.leave, in_footer=True),
    Action(
        id="help",
        keys="question_mark",
        title="Help",
        help="All keys and marks, those of the panel with the keyboard first; type to search in them.",
        group=PROGRAM,
        run=looking.show_help,
        in_footer=True,
        display="?",
    ),
    Action(
        id="menu",
        keys="full_stop",
        title="Menu",
        help="Every action that can be done here, to choose by key or click; the right mouse button opens it too.",
        group=PROGRAM,
        run=looking.menu,
        in_footer=True,
        display=".",
    ),
    Action(
        id="workspace",
        keys="ctrl+s",
        title="Save the workspace",
        help="Write what is open, the changes, breakpoints and what is folded to a file that --resume takes up again.",
        group=PROGRAM,
        run=workspaces.save_workspace,
        why_not=reasons.nothing_to_resume,
        display="^s",
    ),
    Action(
        id="suspend",
        keys="ctrl+z",
        title="Suspend",
        help="Back to the shell; fg there comes back here.",
        group=PROGRAM,
        run=looking.suspend,
    ),
    Action(
        id="log",
        keys="L",
        title="Log",
        help="What the model's own code printed, and in full what was said on the line at the bottom.",
        group=PROGRAM,
        run=looking.toggle_log,
    ),
    Action(
        id="theme",
        keys="ctrl+t",
        title="Theme",
        help="Choose other colours, each seen at once; two themes have high contrast.",
        group=PROGRAM,
        run=looking.choose_theme,
        display="^t",
    ),
    Action(
        id="palette",
        keys="ctrl+p",
        title="Palette",
        help="Find any of these by name.",
        group=PROGRAM,
        run=looking.palette,
        display="^p",
        before_widgets=True,
    ),
)
