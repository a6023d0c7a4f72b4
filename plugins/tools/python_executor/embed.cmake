# Write FROM, without the lines that are only a comment, to TO as the numbers of its bytes.
file(READ ${FROM} text)
string(REGEX REPLACE "(^|\n)[ ]*#[^\n]*" "\\1" text "${text}")
string(REGEX REPLACE "\n\n+" "\n" text "${text}")
file(WRITE ${TO}.text "${text}")
file(READ ${TO}.text hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," hex "${hex}")
string(REGEX REPLACE ",$" "" hex "${hex}")
file(WRITE ${TO} "${hex}\n")
