import decimal
import fractions
import gettext
import locale

try:
    import sqlite3

    db = sqlite3.connect("file.db")
    db.execute("create table t (x)")
    db.execute("insert into t values (?)", ("ü",))
    db.commit()
    print(db.execute("select * from t").fetchall())
except ImportError as e:
    print(e)
print(decimal.getcontext())
decimal.getcontext().prec = 5
print(decimal.Decimal(1) / 3, fractions.Fraction(1, 3))
print(locale.getpreferredencoding(), locale.getlocale(), locale.setlocale(locale.LC_ALL), locale.localeconv()["decimal_point"])
print(locale.setlocale(locale.LC_ALL, ""), gettext.gettext("x"))
import codecs

print(codecs.lookup("utf-8").name, codecs.lookup_error("strict").__name__)
