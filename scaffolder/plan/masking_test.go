package plan_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// maskedSecrets are the run's secrets in the tests of masking. They have no four characters in common with
// the generated texts around them.
var maskedSecrets = map[string]string{"k": `Zq/7 "w%&<x>+Y\k~9`, "other": "8675309-jenny", "long": "QUARTZvexJWOCKghdp-Fjord\nbank-glyphs-VEXT-qwiz", "pin": "48151623"}

// expressionOf makes an expression over secrets.
func expressionOf(random *rand.Rand) string {
	names := []string{"k", "other", "long", "pin"}
	filters := []string{"upper", "lower", "urlencode", "escape", "dump", "reverse", "trim", "title", "capitalize", "indent(2)", "nl2br", "string",
		"replace('-', '_')", "truncate(9, true, '')", "center(30)", "striptags", "int", "default('none')", "safe", "list | join('')", "list | join('.')"}
	operand := "secrets." + names[random.IntN(len(names))]
	for range random.IntN(3) {
		operand += " | " + filters[random.IntN(len(filters))]
	}
	switch random.IntN(6) {
	case 0:
		return fmt.Sprintf("'Basic ' + (%s)", operand)
	case 1:
		return fmt.Sprintf("(%s) ~ ':' ~ secrets.%s", operand, names[random.IntN(len(names))])
	case 2:
		return fmt.Sprintf("(%s).split('-')[1]", "secrets."+names[random.IntN(len(names))])
	}
	return operand
}

// derivedFromSecrets returns the text that an expression derives from the secrets, "" when it does not depend
// on them.
func derivedFromSecrets(t *testing.T, expressions *expression.Renderer, source string) string {
	t.Helper()
	texts := [2]string{}
	for i, hidden := range []bool{false, true} {
		secrets := nunjucks.NewObject()
		for name, secret := range maskedSecrets {
			if hidden {
				secret = "***"
			}
			secrets.Set(name, secret)
		}
		data := nunjucks.NewObject()
		data.Set("secrets", secrets)
		value, failures := expressions.Render(t.Context(), "-${{ "+source+" }}", data)
		if len(failures) > 0 {
			return ""
		}
		texts[i] = strings.TrimSpace(strings.TrimPrefix(value.(string), "-"))
	}
	if texts[0] == texts[1] {
		return ""
	}
	return texts[0]
}

// inForms returns a text in the encodings in which an action may show it.
func inForms(text string) []string {
	quoted := strconv.Quote(text)
	return []string{text, strings.ToUpper(text), strings.ToLower(text), quoted, url.QueryEscape(text), url.PathEscape(text),
		strings.ReplaceAll(url.QueryEscape(text), "+", "%20"), html.EscapeString(text), hex.EncodeToString([]byte(text)),
		base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte("a:" + text)),
		"https://host/p?a=" + url.QueryEscape(text) + "&b=2", strings.Join(chunks(text, 5), "\n"), "x" + strings.Join(chunks(text, 3), "\r\n")}
}

func chunks(text string, size int) []string {
	var parts []string
	for len(text) > size {
		parts, text = append(parts, text[:size]), text[size:]
	}
	return append(parts, text)
}

// TestTextsDerivedFromSecretsAreMasked shows for generated expressions over secrets that no four characters
// of their result are shown: alone or beside a raw secret, unchanged or in the encodings that actions use.
func TestTextsDerivedFromSecretsAreMasked(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(8, 2026))
	expressions := expression.New(expression.Options{})
	planner := plan.NewPlanner(expressions, plan.Environment{})
	literals := []string{"t=", "&u=", " and ", "-", "token ", "\n"}
	for range 600 {
		source := literals[random.IntN(len(literals))]
		secret := []string{}
		for range 1 + random.IntN(3) {
			made := expressionOf(random)
			secret = append(secret, derivedFromSecrets(t, expressions, made))
			source += "${{ " + made + " }}" + literals[random.IntN(len(literals))]
		}
		input, err := json.Marshal(map[string]any{"v": source, "list": []string{"same", source}})
		require.NoError(t, err)
		s := plan.Scope{TaskID: "run-1", Spec: &template.TaskSpec{Parameters: json.RawMessage(`{}`)}, Secrets: maskedSecrets}
		decision, err := planner.Decide(t.Context(), s, template.Step{ID: "x", Action: "a", Input: input})
		require.NoError(t, err)
		if len(decision.ExpressionErrors) > 0 {
			secret = nil // the input keeps its source text
		}
		redact := run.NewRedactor(maskedSecrets).Also(decision.Derived)
		for _, raw := range maskedSecrets {
			secret = append(secret, raw)
		}
		requireHidden(t, source, string(redact.JSON(decision.Iterations[0].Input)), secret)
		for _, text := range secret {
			for _, form := range inForms(text) {
				if len(text) >= 4 {
					requireHidden(t, source, redact.Text("log: "+form+" end"), []string{text, form})
				}
			}
		}
	}
}

// TestNoEncodingShowsPartOfASecret shows that no encoding of a secret shows four of its characters.
func TestNoEncodingShowsPartOfASecret(t *testing.T) {
	t.Parallel()
	redact := run.NewRedactor(maskedSecrets)
	for _, secret := range maskedSecrets {
		for _, form := range inForms(secret) {
			shown := redact.Text("log: " + form + " end")
			for _, line := range strings.FieldsFunc(form, func(r rune) bool { return r == '\n' || r == '\r' || r == '?' || r == '&' }) {
				for i := 0; i+4 <= len(line) && !strings.HasPrefix(line, "https:") && line != "b=2"; i++ {
					require.NotContains(t, shown, line[i:i+4], form)
				}
			}
		}
		require.Equal(t, "https://host/p?a=***&b=2", redact.Text("https://host/p?a="+url.QueryEscape(secret)+"&b=2"))
	}
}

func requireHidden(t *testing.T, source, shown string, secret []string) {
	t.Helper()
	for _, text := range secret {
		text = strings.TrimSpace(text)
		if len(text) >= 4 && strings.Contains(strings.ToLower(shown), strings.ToLower(text)) {
			require.Fail(t, "shown", "%q shows %q of %q", shown, text, source)
		}
	}
}
