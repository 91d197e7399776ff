package highlight

import (
	"strings"
	"testing"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/stretchr/testify/require"
)

// TestProgramsMatchAsRegexp2: at each position of texts of many kinds, with the same groups.
func TestProgramsMatchAsRegexp2(t *testing.T) {
	t.Parallel()
	for name := range strings.FieldsSeq("python go yaml bash json typescript html docker sql hcl") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lexer, is := lexers.Get(name).(*chroma.RegexLexer)
			require.True(t, is)
			rules, quick := 0, 0
			seen := map[string]bool{}
			for _, s := range newEngine(lexer).states {
				s.once.Do(s.prepare)
				for _, r := range s.rules {
					rules++
					if r.program() == nil {
						continue
					}
					quick++
					if !seen[r.Pattern] {
						seen[r.Pattern] = true
						compareRule(t, r)
					}
				}
			}
			require.Greater(t, quick, rules*8/10, "most rules have programs")
		})
	}
}

func compareRule(t *testing.T, r *rule) {
	t.Helper()
	expression, err := r.compile()
	require.NoError(t, err)
	for _, text := range samples {
		m := &machine{source: text}
		for at := range len(text) + 1 {
			matched, finished := m.match(r.program(), at)
			want, err := expression.FindRunesMatchStartingAt([]rune(text), at)
			if err != nil { // the machine of the test is busy
				continue
			}
			require.True(t, finished)
			require.Equal(t, want != nil, matched, "%q at %q", r.Pattern, text[at:])
			if !matched {
				continue
			}
			l := &chroma.LexerState{}
			m.setGroups(l)
			var groups []string
			for _, group := range want.Groups() {
				groups = append(groups, group.String())
			}
			require.Equal(t, groups, l.Groups, "%q at %q", r.Pattern, text[at:])
		}
	}
}

//nolint:gochecknoglobals // Immutable.
var samples = []string{
	"def a_b(client, c: str) -> dict:\n    \"\"\"Return.\"\"\"\n    rows = client.query(\"select * from b where id = %s\", c)\n    return {\"id\": 1.5e-3}\n",
	"#!/bin/sh\nexport URL=\"https://x.example.org/v1\"\ncurl -fsS \"${URL}/c\" | jq \".items[] | .name\"\nfor i in $(seq 1 3); do\n\t./bin/x --y \"$i\" || exit 1\ndone\n",
	"<a href='x' class=\"y\">&amp; {{ z|default(1) }} {% if a %}<!-- c --></a>\n/* a\nb */ // c\n@media (min-width: 1px) { a:hover { color: #FFF !important } }\n",
	"select a.id, count(*) as bs\nfrom a\nleft join c on c.a_id = a.id -- x\nwhere c.created_at > now() - interval '3 days'\norder by bs desc;\n",
	"{\n  \"a\": 1,\n  \"b\": [\"c\", true, null, -1.5E+10],\n  \"n\": {\"c\": {\"l\": \"\\u00e9\\n\"}}\n}\n",
	"a: b # c\n- x: &y [1, \"2\", '3']\n  z: *y\n  t: |\n    text\n    more\n---\n!!map {a: ~}\n",
	"\t\n  \n\n\"\"'`${a}`'\\\\\\\"(((]]>>===!=&&||::->=>#{x}%w[a b]\n0x1F 0b11 1_000 .5 5. 1e5 'a' '\\n' $x @y #z ~ ^ ? ;\n",
	"class Foo<T> extends Bar implements Baz { private static final int x = 0; @Override public void run() throws E { if (x instanceof Y) {} } }\n",
	"[section]\nkey = value ; c\n\n[a.b]\nx = 2020-01-01T00:00:00Z\ny = \"\"\"m\"\"\"\n",
	"FROM x AS y\nRUN a && \\\n    b\nresource \"a\" \"b\" {\n  c = \"${d.e}\"\n}\nfoo: bar\n\t$(X) -o $@ $<\nifeq (a,b)\nendif\n",
}
