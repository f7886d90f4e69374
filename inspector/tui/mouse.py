"""The buttons of the mouse, as Textual numbers them."""

LEFT, RIGHT = 1, 3
