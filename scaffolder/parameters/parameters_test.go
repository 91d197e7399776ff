package parameters_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/parameters"
)

func TestErrorsEqualBackstages(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"130-scaffolder-create-400-values", "131-scaffolder-create-400-missing", "174-scaffolder-dry-run-400-values"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values, expected := readExchange(t, name)
			require.JSONEq(t, expected, encode(t, validatePages(t, values)))
		})
	}
}

// readExchange reads the values of a recorded request and the errors of Backstage's answer.
func readExchange(t *testing.T, name string) (values json.RawMessage, expected string) {
	t.Helper()
	content, err := os.ReadFile("testdata/exchanges/" + name + ".json")
	require.NoError(t, err)
	var exchange struct {
		Request struct {
			Body struct{ Values json.RawMessage }
		}
		Response struct {
			Body struct{ Errors json.RawMessage }
		}
	}
	require.NoError(t, json.Unmarshal(content, &exchange))
	return exchange.Request.Body.Values, string(exchange.Response.Body.Errors)
}

// validatePages validates values against the pages of the template "hello" and stops at the first invalid
// page.
func validatePages(t *testing.T, values json.RawMessage) parameters.Violations {
	t.Helper()
	content, err := os.ReadFile("testdata/hello.json")
	require.NoError(t, err)
	var pages []json.RawMessage
	require.NoError(t, json.Unmarshal(content, &pages))
	for _, page := range pages {
		violations, err := parameters.Validate(page, values)
		require.NoError(t, err)
		if len(violations) > 0 {
			return violations
		}
	}
	return nil
}

func TestAnActionsErrorJoinsTheViolations(t *testing.T) {
	t.Parallel()
	violations, err := parameters.Validate([]byte(`{"required":["url","values"]}`), []byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, `instance requires property "url", instance requires property "values"`, violations.String())
}

func TestViolationsKeepTheOrderOfKeys(t *testing.T) {
	t.Parallel()
	violations, err := parameters.Validate([]byte(`{"z":1,"required":["x"],"a":2}`), []byte(`{"q":"<b>&","b":0}`))
	require.NoError(t, err)
	require.Len(t, violations, 1)
	require.Equal(t, `{"z":1,"required":["x"],"a":2}`, string(violations[0].Schema)) //nolint:testifylint // the order matters
	require.Equal(t, `{"q":"<b>&","b":0}`, string(violations[0].Instance))           //nolint:testifylint // the order matters
}

func TestSchemasThatCannotBeEvaluatedAreErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ schema, instance, message string }{
		"schema is no JSON":     {`{`, `1`, "schema: "},
		"instance is no JSON":   {`{}`, `{`, "instance: "},
		"schema is a number":    {`7`, `1`, "neither an object nor a boolean"},
		"outside reference":     {`{"$ref":"https://example.org/s.json"}`, `1`, "outside itself"},
		"reference to nothing":  {`{"$ref":"#/definitions/x"}`, `1`, `"#/definitions/x", which does not exist`},
		"endless reference":     {`{"$ref":"#"}`, `1`, "nested deeper"},
		"pattern":               {`{"pattern":"("}`, `"x"`, "missing closing"},
		"enum":                  {`{"enum":"a"}`, `"a"`, "an enum that is not a list"},
		"anyOf":                 {`{"anyOf":{}}`, `"a"`, "anyOf that is not a list"},
		"dividing by zero":      {`{"multipleOf":0}`, `4`, "divides by zero"},
		"the type without name": {`{"type":null}`, `4`, "type null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			violations, err := parameters.Validate([]byte(test.schema), []byte(test.instance))
			require.ErrorContains(t, err, test.message)
			require.Empty(t, violations)
		})
	}
}

func TestValidationIsBoundedInTime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ schema, instance string }{
		"backtracking":          {`{"pattern":"^(a+)+$"}`, `"` + strings.Repeat("a", 60) + `!"`},
		"backtracking, often":   {`{"items":{"pattern":"^(a+)+$"}}`, "[" + strings.Repeat(`"`+strings.Repeat("a", 22)+`!",`, 500) + `"a"]`},
		"choices that multiply": {multiplying(), `1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := parameters.Validate([]byte(test.schema), []byte(test.instance))
			require.Error(t, err)
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
}

func TestOnlyTheFirstHundredViolationsAreReturned(t *testing.T) {
	t.Parallel()
	violations, err := parameters.Validate([]byte(`{"items":{"type":"string"}}`), []byte("["+strings.Repeat("1,", 5000)+"1]"))
	require.NoError(t, err)
	require.Len(t, violations, 100)
	require.Equal(t, "instance[99]", violations[99].Property)
}

// multiplying returns a schema in which every definition refers to the next one twice.
func multiplying() string {
	var definitions []string
	for i := range 40 {
		definitions = append(definitions, fmt.Sprintf(`"d%d":{"anyOf":[{"$ref":"#/definitions/d%d"},{"$ref":"#/definitions/d%d"}]}`, i, i+1, i+1))
	}
	definitions = append(definitions, `"d40":{"type":"string"}`)
	return `{"$ref":"#/definitions/d0","definitions":{` + strings.Join(definitions, ",") + `}}`
}

func FuzzValidate(f *testing.F) {
	for i, recorded := range readRecordings(f) {
		if i%10 == 0 {
			f.Add([]byte(recorded.Schema), []byte(recorded.Instance))
		}
	}
	f.Fuzz(func(t *testing.T, schema, instance []byte) {
		violations, err := parameters.Validate(schema, instance)
		if err != nil {
			return
		}
		for _, violation := range violations {
			require.Equal(t, violation.Property+" "+violation.Message, violation.Stack)
		}
		_, err = json.Marshal(violations)
		require.NoError(t, err)
	})
}
