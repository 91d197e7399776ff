package jsonata_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/jsonata"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// recording is what the npm package jsonata 2.2.2 answered.
type recording struct {
	Data  map[string]json.RawMessage
	Cases []struct {
		Data, Expression, Error string
		// Result is JSON, nothing for undefined.
		Result string
	}
}

// better are the results that differ on purpose.
var better = map[string]string{
	`$split("é😀x","")`: `["é","😀","x"]`, // not half a character
}

func TestExpressionsGiveWhatTheNpmPackageGives(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/recorded.json")
	require.NoError(t, err)
	var recorded recording
	require.NoError(t, json.Unmarshal(content, &recorded))
	require.NotEmpty(t, recorded.Cases)
	for _, each := range recorded.Cases {
		input, err := nunjucks.DecodeJSON(recorded.Data[each.Data])
		require.NoError(t, err)
		result, err := evaluate(t.Context(), each.Expression, input)
		if each.Error != "" {
			require.EqualError(t, err, each.Error, each.Expression)
			continue
		}
		require.NoError(t, err, each.Expression)
		want := each.Result
		if other, isBetter := better[each.Expression]; isBetter {
			want = other
		}
		require.Equal(t, want, result, each.Expression)
	}
}

// evaluate returns a result as JSON, "" for undefined.
func evaluate(ctx context.Context, expression string, input nunjucks.Value) (string, error) {
	parsed, err := jsonata.Parse(expression)
	if err != nil {
		return "", err
	}
	result, err := parsed.Evaluate(ctx, input)
	if err != nil || result == nunjucks.Undefined {
		return "", err
	}
	encoded, err := nunjucks.EncodeJSON(result)
	return string(encoded), err
}

func TestResults(t *testing.T) {
	t.Parallel()
	input, err := nunjucks.DecodeJSON([]byte(`{"z":1,"a":{"y":[1,2],"b":"x"},"2":"two","1":"one"}`))
	require.NoError(t, err)
	for expression, want := range map[string]string{
		"$":                             `{"1":"one","2":"two","z":1,"a":{"y":[1,2],"b":"x"}}`,
		"$keys($)":                      `["1","2","z","a"]`,
		`{"z": z, "y": a.y, "x": a.b}`:  `{"z":1,"y":[1,2],"x":"x"}`,
		"$merge([a, {'y': 0}])":         `{"y":0,"b":"x"}`,
		"$shuffle([1,1])":               `[1,1]`,
		"$random() >= 0":                `true`,
		"$count($shuffle([1..5]))":      `5`,
		`$millis() = $toMillis($now())`: `true`,
		`$match("a1b22", function($s){{"match":"1","start":1,"end":2,"groups":[]}})`: `{"match":"1","index":1,"groups":[]}`,
		`/b/("abc").start`:           `1`,
		`$map(["a","b"], /a/).match`: `"a"`,
		`$base64encode("日本")`:        `"5pel5pys"`,
		`$toMillis("12:30 PM 1/2/2020", "[h]:[m01] [P] [D]/[M]/[Y0001]")`: `1580560200000`,
		`$toMillis("2020-032", "[Y0001]-[d001]")`:                         `1580515200000`,
		`$toMillis("1 +01:30", "[Y] [Z01:01]") < 0`:                       `true`,
		`$fromMillis(1580560200000, "[w] [x] [X] [C] [PN]")`:              `"5 1 2020 ISO PM"`,
		`$pad("x", 5, "é")`:                                               `"xéééé"`,
		`$replace("é😀x", /./, "-")`:                                       `"----"`,
	} {
		result, err := evaluate(t.Context(), expression, input)
		require.NoError(t, err, expression)
		require.Equal(t, want, result, expression)
	}
}

func TestErrorsHaveACodeAndAPosition(t *testing.T) {
	t.Parallel()
	var failed *jsonata.Error
	_, err := jsonata.Parse(`a + `)
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "S0207", failed.Code)
	_, err = evaluate(t.Context(), `1 + $uppercase("x")`, nil)
	require.ErrorAs(t, err, &failed)
	require.Equal(t, []any{"T2002", 2}, []any{failed.Code, failed.Position})
	require.EqualError(t, err, `The right side of the "+" operator must evaluate to a number`)
}

// TestEvaluationsAreBounded has expressions that would never end, or take all memory.
func TestEvaluationsAreBounded(t *testing.T) {
	t.Parallel()
	const endless = "more|timeout" // a busy machine reaches the bound on time before that on steps
	for expression, message := range map[string]string{
		`($f := function($x){1 + $f($x)}; $f(1))`:                         "Stack overflow",
		`($f := function($x){$f($x)}; $f(1))`:                             endless,
		`($f := function($n){$n = 0 ? 1 : $f($n-1) + $f($n-1)}; $f(100))`: endless,
		`[1..1e7].[1..1e7]`:                                               "takes more memory than",
		`$pad("x", 1e9)`:                                                  "takes more memory than",
		`$pad("x", -1e300, "ab")`:                                         "takes more memory than",
		`($f := function($s, $n){$n = 0 ? $length($s) : $f($s & $s, $n-1)}; $f("0123456789", 100))`: "takes more memory than",
		`$reduce([1..1000], function($a, $b){$append($a, $a)}, [1])`:                                "takes more memory than",
		`$string([1..1e7]) & $string([1..1e7])`:                                                     "takes more memory than",
		`$formatInteger(1e300, "I")`:                                                                "Number out of range",
		`$formatInteger(1e300, "w")`:                                                                "Number out of range",
		`$match($pad("a", 60, "a") & "b", /^(a+)+$/)`:                                               "regular expression that takes too long",
		`$eval("$eval($$)", "$eval($$)")`:                                                           "Stack overflow",
		`$sort([1..100000], function($a, $b){$sum([1..1000]) > 1})`:                                 endless,
		strings.Repeat("(", 600):                                                                    "nested more than 500 levels deep",
		strings.Repeat("-", 600) + "1":                                                              "nested more than 500 levels deep",
		strings.Repeat("a.", 200_000):                                                               "longer than the 262144 bytes",
	} {
		t.Run(expression[:min(40, len(expression))], func(t *testing.T) {
			t.Parallel()
			_, err := evaluate(t.Context(), expression, "$eval($$)")
			require.Error(t, err)
			require.Regexp(t, message, err.Error())
		})
	}
}

func TestDeepDataIsRefused(t *testing.T) {
	t.Parallel()
	var deep nunjucks.Value = 1.0
	for range 10_000 {
		deep = &nunjucks.Array{Items: []nunjucks.Value{deep}}
	}
	_, err := evaluate(t.Context(), "**", deep)
	require.ErrorContains(t, err, "Stack overflow")
}

func TestMemoryCountsInTheAccount(t *testing.T) {
	t.Parallel()
	pool := budget.NewPool(budget.Limits{Process: 4 << 20, Account: 4 << 20})
	ctx, leave := pool.Enter(t.Context())
	defer leave()
	_, err := evaluate(ctx, "$count([1..1000000])", nil)
	require.ErrorIs(t, err, budget.ErrExhausted)
}

func TestEvaluationsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	_, err := evaluate(ctx, "[1..100000].($*2)", nil)
	require.ErrorIs(t, err, context.Canceled)
}

func FuzzEvaluate(f *testing.F) {
	for _, expression := range []string{
		`a.b[c>1].{"x": d}`, `$map([1..3], function($v){$v*2})`, `a ~> |b|{"c":1},"d"|`, `a@$x.b#$i[%.c]^(>d)`, `$fromMillis(0, "[Y]-[M]")`, `a{b:c}[]`,
	} {
		f.Add(expression, `{"a":{"b":[{"c":1,"d":2},{"c":2}]}}`)
	}
	f.Fuzz(func(t *testing.T, expression, data string) {
		input, err := nunjucks.DecodeJSON([]byte(data))
		if err != nil {
			return
		}
		pool := budget.NewPool(budget.Limits{Process: 32 << 20, Account: 32 << 20})
		ctx, leave := pool.Enter(t.Context())
		defer leave()
		_, _ = evaluate(ctx, expression, input) // It does not panic.
	})
}
