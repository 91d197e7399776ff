package nunjucks_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// recordedCase is one template with the output of nunjucks 3.2.4, or the note that it fails.
type recordedCase struct {
	id, template string
	context      *nunjucks.Object
	expected     nunjucks.Value
	fails        bool
	options      nunjucks.Options
}

func TestRecordedCases(t *testing.T) {
	t.Parallel()
	cases := recordedCases(t)
	require.Len(t, cases, 623)
	for _, tc := range cases {
		t.Run(tc.id, func(t *testing.T) {
			t.Parallel()
			template, err := nunjucks.New(tc.options).Parse(tc.template)
			var output string
			if err == nil {
				output, err = template.Render(t.Context(), tc.context)
			}
			if tc.fails {
				require.Error(t, err, "template %s", tc.template)
				return
			}
			require.NoError(t, err, "template %s", tc.template)
			require.Equal(t, tc.expected, output, "template %s", tc.template)
		})
	}
}

func recordedCases(t *testing.T) []recordedCase {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.json")
	require.NoError(t, err)
	decoded, err := nunjucks.DecodeJSON(data)
	require.NoError(t, err)
	var cases []recordedCase
	for _, item := range get[*nunjucks.Array](decoded, "cases").Items {
		tc := recordedCase{
			id: get[string](item, "id"), template: get[string](item, "template"), context: get[*nunjucks.Object](item, "context"),
		}
		tc.expected, _ = item.(*nunjucks.Object).Get("expected")
		_, tc.fails = item.(*nunjucks.Object).Get("error")
		if options := get[*nunjucks.Object](item, "opts"); options != nil && get[bool](options, "jinjaCompat") {
			tc.options = nunjucks.Options{CookiecutterCompat: true, VariableStart: "${{"}
		}
		cases = append(cases, tc)
	}
	return cases
}

// get reads a member of an object as a type. It returns the type's zero value when the member is missing or
// of another type.
func get[T any](object nunjucks.Value, key string) T {
	value, _ := object.(*nunjucks.Object).Get(key)
	typed, _ := value.(T)
	return typed
}

// TestReads: the data that a template reads is known before it is rendered, except what is computed or the template's own.
func TestReads(t *testing.T) {
	t.Parallel()
	for source, want := range map[string][]nunjucks.Path{
		"${{ a.b['c'].d.e.f }}": {{"a", "b"}, {"a", "b", "c"}, {"a", "b", "c", "d"}},
		"{% if a.b %}${{ (a.c or 1) | default(a['d'], true) }}{% endif %}": {{"a", "b"}, {"a", "c"}, {"a", "d"}},
		"{% for x in y.z %}${{ x.b }}{% endfor %}":                         {{"y", "z"}},
		"${{ a[b.c] }} ${{ a[0].x }} ${{ f().x }} ${{ a }}":                {{"b", "c"}},
		"text": {},
	} {
		template, err := nunjucks.New(nunjucks.Options{}).Parse(source)
		require.NoError(t, err, source)
		require.ElementsMatch(t, want, template.Reads(), source)
	}
}
