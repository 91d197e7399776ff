package nunjucks_test

import (
	"errors"
	"testing"
	"time"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// fuzzLimits are small, so that no generated template takes long.
var fuzzLimits = nunjucks.Limits{
	Time: 2 * time.Second, Steps: 200_000, OutputBytes: 1 << 18, AllocationBytes: 8 << 20, Depth: 5_000, RegexTime: 50 * time.Millisecond,
}

// FuzzParse looks for a source that makes the parser panic or return an undocumented kind of error.
func FuzzParse(f *testing.F) {
	for _, source := range []string{"${{ a }}", "{% for a, b in c %}${{ loop.index }}{% endfor %}", "{% raw %}{% endraw %}", "{# #}", "${{ r/a/g }}"} {
		f.Add(source, true)
	}
	for seed := range uint64(50) {
		f.Add(generate(seed).template, false)
	}
	f.Fuzz(func(t *testing.T, source string, cookiecutter bool) {
		options := nunjucks.Options{CookiecutterCompat: cookiecutter, TrimBlocks: true, LstripBlocks: true, Limits: fuzzLimits}
		_, err := nunjucks.New(options).Parse(source)
		var syntax *nunjucks.SyntaxError
		var limit *nunjucks.LimitError
		if err != nil && !errors.As(err, &syntax) && !errors.As(err, &limit) {
			t.Fatalf("unexpected error %T: %v", err, err)
		}
	})
}

// FuzzRender looks for a template that makes a rendering panic, exceed its limits, or give different results
// in two renderings.
func FuzzRender(f *testing.F) {
	for seed := range uint64(100) {
		tc := generate(seed)
		context, err := nunjucks.EncodeJSON(tc.context)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(tc.template, context, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, source string, context []byte, jinja bool) {
		options := nunjucks.Options{CookiecutterCompat: jinja, VariableStart: "${{", Limits: fuzzLimits}
		template, err := nunjucks.New(options).Parse(source)
		if err != nil {
			return
		}
		decoded, err := nunjucks.DecodeJSON(context)
		if err != nil {
			return
		}
		data, _ := decoded.(*nunjucks.Object)
		start := time.Now()
		text, err := template.Render(t.Context(), data)
		var failure *nunjucks.RenderError
		if err != nil && !errors.As(err, &failure) {
			t.Fatalf("unexpected error %T: %v", err, err)
		}
		if len(text) > 2*fuzzLimits.OutputBytes {
			t.Fatalf("%d bytes of output", len(text))
		}
		if took := time.Since(start); took > 5*fuzzLimits.Time {
			t.Fatalf("took %v", took)
		}
		value, err := template.Evaluate(t.Context(), data)
		if err == nil && value != nunjucks.Undefined {
			if _, err := nunjucks.EncodeJSON(value); err != nil {
				t.Fatalf("a result without JSON: %v", err)
			}
		}
	})
}

// FuzzJSON looks for a document that does not survive decoding and encoding.
func FuzzJSON(f *testing.F) {
	for _, document := range []string{`{"b":1,"a":[null,true,"x\ud83d\ude00\ud83d"],"1":-0.5e-7}`, `"\u0000"`, `1e999`, `[[[]]]`} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		value, err := nunjucks.DecodeJSON(document)
		if err != nil {
			return
		}
		first, err := nunjucks.EncodeJSON(value)
		if err != nil {
			t.Fatal(err)
		}
		again, err := nunjucks.DecodeJSON(first)
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		second, err := nunjucks.EncodeJSON(again)
		if err != nil || string(first) != string(second) {
			t.Fatalf("%s became %s", first, second)
		}
	})
}
