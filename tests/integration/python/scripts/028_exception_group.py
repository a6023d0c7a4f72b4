import sys

if sys.version_info < (3, 11):
    raise ValueError("none here")
errors = []
for i in range(3):
    try:
        [].pop(i)
    except IndexError as e:
        errors.append(e)
raise ExceptionGroup("several", errors)
