import sys

import __main__

print(__main__.__name__, __main__.__dict__ is globals(), __main__ is sys.modules["__main__"])
import script

print("imported as", __name__)
print(script.__name__, script.__file__, script is __main__)
