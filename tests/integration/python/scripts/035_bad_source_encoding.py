# -*- coding: ascii -*-
print("grüß")
