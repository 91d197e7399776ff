package nunjucks

import (
	"cmp"
	"context"
	"math"
	"time"
	"unicode/utf8"

	"github.com/portico-dev/portico/scaffolder/budget"
)

// FormatNumber is JavaScript's String(n).
func FormatNumber(n float64) string { return formatNumber(n) }

// FormatRadix is JavaScript's n.toString(radix) for 2 <= radix <= 36.
func FormatRadix(n float64, radix int) string { return formatRadix(n, radix) }

// FormatFixed is JavaScript's n.toFixed(digits) for 0 <= digits <= 100.
func FormatFixed(n float64, digits int) string { return formatFixed(n, digits) }

// FormatPrecision is JavaScript's n.toPrecision(digits) for 1 <= digits <= 100.
func FormatPrecision(n float64, digits int) string { return formatPrecision(n, digits) }

// Power is JavaScript's Math.pow.
func Power(base, exponent float64) float64 { return power(base, exponent) }

// CompareText compares two strings as JavaScript does: by their UTF-16 units.
func CompareText(a, b string) int { return compareText(a, b) }

// Pattern is a regular expression of JavaScript. It is safe for concurrent use.
type Pattern struct{ pattern *pattern }

// CompilePattern compiles a regular expression. Its flags are those of JavaScript without v; d means nothing here,
// and u only that properties of characters are refused. The error is a *SyntaxError.
func CompilePattern(body, flags string) (_ *Pattern, err error) {
	defer caught(&err)
	return &Pattern{compilePattern(body, flags, DefaultLimits.RegexTime, position{})}, nil
}

// Replace is JavaScript's text.replace(pattern, replacement), with its references $1, $<name>, $& and $$. It
// has the limits of a rendering but that of steps, and counts its memory in the context's account.
func (p *Pattern) Replace(ctx context.Context, text, replacement string) (string, error) {
	return onText(ctx, text, func(r *run) string {
		replaced, _ := r.replacePattern(&regex{pattern: p.pattern}, text, replacement).(string)
		return replaced
	})
}

// Match is one match of a Pattern. Start and End count UTF-16 units.
type Match struct {
	Text       string
	Start, End int
	// Groups has the text of each group, or Undefined.
	Groups []Value
}

// FindAll returns the matches in a text, at most limit of them. Replace says which limits hold.
func (p *Pattern) FindAll(ctx context.Context, text string, limit int) (matches []Match, err error) {
	_, err = onText(ctx, text, func(r *run) string {
		subject := r.subject(text)
		piece := func(from, to int) string { return r.fromRunes(subject[from:to]) }
		global := *p.pattern
		global.global = true
		r.eachMatch(&regex{pattern: &global}, subject, func(found match) {
			if len(matches) >= limit {
				return
			}
			r.allocate(keptMatchBytes)
			groups := r.room(nil, len(found.groups))
			for _, group := range found.groups {
				groups = append(groups, groupValue(group, piece))
			}
			matches = append(matches, Match{piece(found.start, found.end), found.start, found.end, groups})
		})
		return ""
	})
	return matches, err
}

// ReplaceAll is JavaScript's text.replaceAll(old, replacement), with the same references as Replace.
func ReplaceAll(ctx context.Context, text, old, replacement string) (string, error) {
	return onText(ctx, text, func(r *run) string {
		replaced, _ := stringReplaceAll(r, text, []Value{old, replacement}).(string)
		return replaced
	})
}

// onText calls an operation of the language outside of a template. The result counts in the account until it
// is closed.
func onText(ctx context.Context, text string, operation func(r *run) string) (result string, err error) {
	limits := DefaultLimits
	// Each match counts as many steps as the whole text could cost; the time bounds what it does cost.
	limits.Steps = math.MaxInt / 2
	environment := &Environment{limits: limits}
	r := &run{
		ctx: ctx, env: environment, template: &Template{env: environment}, data: emptyObject, limits: limits,
		deadline: time.Now().Add(limits.Time), memory: memory{account: budget.Of(ctx)},
	}
	defer func() { r.account.Release(r.granted - r.kept) }()
	defer caught(&err)
	r.checkClock()
	if !utf8.ValidString(text) {
		r.fail("the text is not UTF-8")
	}
	if result = operation(r); !utf8.ValidString(result) {
		result = wellFormed(result)
	}
	r.kept = min(cmp.Or(len(result), stringBytes), r.granted)
	return result, nil
}
