print("äöü €uro 😀 漢字 \u200b|")
πr = 3
print(πr, "ﬁ".isidentifier())
ﬁ = 1
print([n for n in globals() if not n.startswith("__")])
print("\N{SNOWMAN}", ascii("\N{SNOWMAN}"))
raise ValueError("ümläut 😀")
