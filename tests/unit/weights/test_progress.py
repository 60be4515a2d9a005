import io

from inferloop_runtime.serving.weights.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_steps_are_silent_where_nobody_watches():
    stream = io.StringIO()
    progress = Progress(stream)
    progress.step("copying", 1, 2)
    progress.say("finished")
    assert stream.getvalue() == "finished\n"


def test_steps_redraw_one_line_on_a_terminal_only_when_the_figure_changes():
    stream = Terminal()
    progress = Progress(stream)
    for done in (1, 1, 2):
        progress.step("copying", done, 2)
    progress.say("finished")
    assert stream.getvalue().count("copying") == 2
    assert stream.getvalue().endswith("\r\033[Kfinished\n")
