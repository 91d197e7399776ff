package expression

import (
	"context"
	"regexp"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// legacyOutput is how Backstage found the expression of a whole value before 4.0.3: greedily, on one line.
var legacyOutput = regexp.MustCompile(`\$\{\{(.+)\}\}`)

// legacy renders a whole value as Backstage did before 4.0.3: the expression through dump and JSON, else the text; what prints nothing is
// undefined.
func (r *Renderer) legacy(ctx context.Context, source string, template *nunjucks.Template, data *nunjucks.Object) nunjucks.Value {
	if template.IsSole() {
		if value, ok := r.throughJSON(ctx, source, data); ok {
			return value
		}
	}
	text, err := template.Render(ctx, data)
	if err != nil {
		return source
	}
	if text == "" {
		return nunjucks.Undefined
	}
	return text
}

func (r *Renderer) throughJSON(ctx context.Context, source string, data *nunjucks.Object) (nunjucks.Value, bool) {
	dumped := legacyOutput.ReplaceAllString(source, "$${{ ( $1 ) | dump }}")
	template, err := r.memo.parse(r.environment, dumped)
	if err != nil {
		return nil, false
	}
	text, err := template.Render(ctx, data)
	if err != nil {
		return nil, false
	}
	if text == "" {
		return nunjucks.Undefined, true
	}
	value, err := nunjucks.DecodeJSON([]byte(text))
	return value, err == nil
}
