# usage: awk -f discouraged.awk discouraged.txt FILE.[ch]...   (run in the repository root)
# Finds calls that discouraged.txt names, outside the places it allows. Comments do not count.

FNR == 1 { reading_rules = (FILENAME ~ /discouraged\.txt$/); in_comment = 0 }
reading_rules && /^[^#]/ {
    name = $1
    allowed[name] = ""
    for (i = 2; i <= NF && $i != "--"; i++)
        allowed[name] = allowed[name] " " $i
    reason[name] = $0
    sub(/^.*-- */, "", reason[name])
}
reading_rules { next }

{
    line = code_of($0)
    for (name in reason)
        if (line ~ ("(^|[^A-Za-z0-9_>.*])" name " *\\("))
            if (!is_allowed(name))
                complain(name "(): " reason[name])
}

function complain(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; bad = 1 }
function is_allowed(name,   place, n) {
    for (n = split(allowed[name], place, " "); n > 0; n--)
        if (index(FILENAME, place[n]) == 1)
            return 1
    return 0
}
# The line without comments and without what stands in string literals.
function code_of(line,   out, at) {
    gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
    for (;;) {
        if (in_comment) {
            if (!(at = index(line, "*/")))
                return out
            line = substr(line, at + 2)
            in_comment = 0
        }
        if (!(at = index(line, "/*")))
            break
        out = out substr(line, 1, at - 1) " "
        line = substr(line, at + 2)
        in_comment = 1
    }
    sub(/\/\/.*/, "", line)
    return out line
}
END { exit bad }
