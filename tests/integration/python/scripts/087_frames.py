import inspect
import sys
import traceback

frame = sys._getframe()
print(frame.f_back, frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno)
print(len(inspect.stack()), inspect.stack()[0].filename, inspect.stack()[0].code_context)
traceback.print_stack()


def f():
    print(len(inspect.stack()), sys._getframe(1).f_code.co_name)
    traceback.print_stack()
    try:
        sys._getframe(2)
    except ValueError as e:
        print(e)


f()
print(len(sys._current_frames()), frame.f_builtins is __builtins__.__dict__, frame.f_globals is globals())
print(frame.f_locals is globals(), frame.f_trace)
