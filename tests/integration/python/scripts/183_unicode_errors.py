try:
    b"\xff".decode()
except UnicodeDecodeError as e:
    print(e)
import json


class Local(json.JSONDecodeError):
    pass


raise Local("qualified", "doc", 1)
