package jsonata

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// round rounds to a number of decimals. A tie goes to the even neighbour.
func round(number float64, decimals int) float64 {
	shifted := shift(number, decimals)
	rounded := math.RoundToEven(shifted)
	result := shift(rounded, -decimals)
	if result == 0 {
		return 0 // There is no -0 in JSON.
	}
	return result
}

// shift moves the decimal point, in the text of the number, so that nothing is rounded.
func shift(number float64, by int) float64 {
	if by == 0 || math.IsNaN(number) || math.IsInf(number, 0) {
		return number
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(number, 'e', -1, 64), "e")
	power, err := strconv.Atoi(exponent)
	if err != nil {
		return number
	}
	shifted, _ := strconv.ParseFloat(mantissa+"e"+strconv.Itoa(power+by), 64) // Out of range is infinity or zero.
	return shifted
}

// decimalFormat has the characters of a decimal format of XPath.
type decimalFormat struct {
	decimal, grouping, exponent, minus, percent, perMille, digit, separator string
	zero                                                                    rune
}

func newDecimalFormat(options Value) decimalFormat {
	format := decimalFormat{".", ",", "e", "-", "%", "\u2030", "#", ";", '0'}
	object, isObject := options.(*nunjucks.Object)
	if !isObject {
		return format
	}
	for name, to := range map[string]*string{
		"decimal-separator": &format.decimal, "grouping-separator": &format.grouping, "exponent-separator": &format.exponent,
		"minus-sign": &format.minus, "percent": &format.percent, "per-mille": &format.perMille, "digit": &format.digit,
		"pattern-separator": &format.separator,
	} {
		if value, _ := object.Get(name); isText(value) {
			*to, _ = value.(string)
		}
	}
	if value, _ := object.Get("zero-digit"); isText(value) {
		text, _ := value.(string)
		format.zero, _ = utf8.DecodeRuneInString(text)
	}
	return format
}

func (f decimalFormat) isDigit(r rune) bool { return r >= f.zero && r <= f.zero+9 }

// isPlace reports whether a character stands for a digit.
func (f decimalFormat) isPlace(r rune) bool { return f.isDigit(r) || string(r) == f.digit }

func (f decimalFormat) isActive(r rune) bool {
	return f.isPlace(r) || slices.Contains([]string{f.decimal, f.exponent, f.grouping, f.separator}, string(r))
}

func (f decimalFormat) count(text string, is func(rune) bool) int {
	count := 0
	for _, r := range text {
		if is(r) {
			count++
		}
	}
	return count
}

// picture is a part of a picture string: how positive or negative numbers look.
type picture struct {
	text, prefix, suffix, active, mantissa, integer, fraction string
	exponent                                                  string
	hasExponent                                               bool
}

func (f decimalFormat) split(text string) picture {
	p := picture{text: text}
	isEdge := func(r rune) bool { return f.isActive(r) && string(r) != f.exponent }
	if at := strings.IndexFunc(text, isEdge); at > 0 {
		p.prefix = text[:at]
	}
	if at := strings.LastIndexFunc(text, isEdge); at >= 0 {
		_, size := utf8.DecodeRuneInString(text[at:])
		p.suffix = text[at+size:]
	}
	p.active = text[len(p.prefix) : len(text)-len(p.suffix)]
	p.mantissa, p.exponent, p.hasExponent = strings.Cut(p.active, f.exponent)
	var hasPoint bool
	if p.integer, p.fraction, hasPoint = strings.Cut(p.mantissa, f.decimal); !hasPoint {
		p.fraction = p.suffix
	}
	return p
}

// check refuses a picture that makes no sense, by the rules of XPath.
func (f decimalFormat) check(p picture) {
	hasPoint := strings.Contains(p.text, f.decimal)
	doubled := func(text string) bool { return strings.Count(p.text, text) > 1 }
	digitAfter := func(text string) bool { return f.count(text, f.isDigit) > 0 }
	optional := strings.Index(p.integer, f.digit)
	last := strings.LastIndex(p.fraction, f.digit)
	isScaled := strings.Contains(p.text, f.percent) || strings.Contains(p.text, f.perMille)
	for _, rule := range []struct {
		code   string
		broken bool
	}{
		{"D3093", p.hasExponent && (p.exponent == "" || f.count(p.exponent, f.isDigit) != utf8.RuneCountInString(p.exponent))},
		{"D3092", p.hasExponent && p.exponent != "" && isScaled},
		{"D3091", last >= 0 && digitAfter(p.fraction[last:])},
		{"D3090", optional >= 0 && digitAfter(p.integer[:optional])},
		{"D3089", strings.Contains(p.text, f.grouping+f.grouping)},
		{"D3088", !hasPoint && strings.HasSuffix(p.integer, f.grouping)},
		{"D3087", hasPoint && (strings.Contains(p.text, f.grouping+f.decimal) || strings.Contains(p.text, f.decimal+f.grouping))},
		{"D3086", f.count(p.active, f.isActive) != utf8.RuneCountInString(p.active)},
		{"D3085", f.count(p.mantissa, f.isPlace) == 0},
		{"D3084", strings.Contains(p.text, f.percent) && strings.Contains(p.text, f.perMille)},
		{"D3083", doubled(f.perMille)},
		{"D3082", doubled(f.percent)},
		{"D3081", doubled(f.decimal)},
	} {
		if rule.broken {
			fail(rule.code, 0)
		}
	}
}

// layout is how a number is written.
type layout struct {
	picture

	groups, fractionGroups                      []int
	regular                                     int
	minInteger, scale, minFraction, maxFraction int
	minExponent                                 int
}

func (f decimalFormat) analyse(p picture) layout {
	l := layout{picture: p}
	for rest := p.integer; strings.Contains(rest, f.grouping); {
		_, rest, _ = strings.Cut(rest, f.grouping)
		l.groups = append(l.groups, f.count(rest, f.isPlace))
	}
	for i, part := range strings.Split(p.fraction, f.grouping) {
		if i < strings.Count(p.fraction, f.grouping) {
			before := 0
			if i > 0 {
				before = l.fractionGroups[i-1]
			}
			l.fractionGroups = append(l.fractionGroups, before+f.count(part, f.isPlace))
		}
	}
	l.regular = regularInterval(l.groups)
	l.minInteger = f.count(p.integer, f.isDigit)
	l.scale = l.minInteger
	l.minFraction, l.maxFraction = f.count(p.fraction, f.isDigit), f.count(p.fraction, f.isPlace)
	if l.minInteger == 0 && l.maxFraction == 0 {
		if p.hasExponent {
			l.minFraction, l.maxFraction = 1, 1
		} else {
			l.minInteger = 1
		}
	}
	if p.hasExponent && l.minInteger == 0 && strings.Contains(p.integer, f.digit) {
		l.minInteger = 1
	}
	if l.minInteger == 0 && l.minFraction == 0 {
		l.minFraction = 1
	}
	l.minExponent = f.count(p.exponent, f.isDigit)
	return l
}

// regularInterval is the distance of separators that repeat, 0 when they do not.
func regularInterval(positions []int) int {
	if len(positions) == 0 {
		return 0
	}
	factor := positions[0]
	for _, position := range positions[1:] {
		for a, b := factor, position; ; a, b = b, a%b {
			if b == 0 {
				factor = a
				break
			}
		}
	}
	for i := 1; i <= len(positions); i++ {
		if !slices.Contains(positions, i*factor) {
			return 0
		}
	}
	return factor
}

// formatNumber is $formatNumber: format-number of XPath.
func formatNumber(c *call) Value {
	format := newDecimalFormat(c.argument(2))
	parts := strings.Split(c.text(1), format.separator)
	if len(parts) > 2 {
		fail("D3080", 0)
	}
	layouts := make([]layout, len(parts))
	for i, part := range parts {
		p := format.split(part)
		format.check(p)
		layouts[i] = format.analyse(p)
	}
	chosen := layouts[0]
	if number := c.number(0); number < 0 {
		chosen = layouts[len(layouts)-1]
		if len(layouts) == 1 {
			chosen.prefix = format.minus + chosen.prefix
		}
	}
	return c.evaluator.text(format.write(c.number(0), chosen))
}

func (f decimalFormat) write(number float64, l layout) string {
	switch {
	case strings.Contains(l.text, f.percent):
		number *= 100
	case strings.Contains(l.text, f.perMille):
		number *= 1000
	}
	exponent := 0
	if l.minExponent > 0 {
		number, exponent = scaled(number, l.scale)
	}
	const maxDecimals = 100
	digits := f.digits(nunjucks.FormatFixed(math.Abs(round(number, l.maxFraction)), min(l.maxFraction, maxDecimals)))
	integer, fraction, _ := strings.Cut(digits, ".")
	integer, fraction = strings.TrimLeft(integer, string(f.zero)), strings.TrimRight(fraction, string(f.zero))
	integer = strings.Repeat(string(f.zero), max(0, l.minInteger-utf8.RuneCountInString(integer))) + integer
	fraction += strings.Repeat(string(f.zero), max(0, l.minFraction-utf8.RuneCountInString(fraction)))
	text := f.group(integer, l)
	if strings.Contains(l.text, f.decimal) && fraction != "" {
		text += f.decimal + f.groupFraction(fraction, l)
	}
	if l.minExponent > 0 {
		power := f.digits(strconv.Itoa(max(exponent, -exponent)))
		sign := ""
		if exponent < 0 {
			sign = f.minus
		}
		text += f.exponent + sign + strings.Repeat(string(f.zero), max(0, l.minExponent-utf8.RuneCountInString(power))) + power
	}
	return l.prefix + text + l.suffix
}

// scaled moves the point of a number so that it has so many digits before it.
func scaled(number float64, digits int) (mantissa float64, exponent int) {
	if number == 0 || math.IsNaN(number) || math.IsInf(number, 0) {
		return number, 0
	}
	highest, lowest := math.Pow(10, float64(digits)), math.Pow(10, float64(digits-1))
	for mantissa = number; math.Abs(mantissa) < lowest; exponent-- {
		mantissa *= 10
	}
	for ; math.Abs(mantissa) > highest; exponent++ {
		mantissa /= 10
	}
	return mantissa, exponent
}

// digits writes digits with the characters of the format.
func (f decimalFormat) digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + f.zero
		}
		return r
	}, text)
}

func (f decimalFormat) group(integer string, l layout) string {
	digits := []rune(integer)
	isBefore := func(right int) bool {
		if l.regular > 0 {
			return right%l.regular == 0
		}
		return slices.Contains(l.groups, right)
	}
	var out strings.Builder
	for i, digit := range digits {
		if i > 0 && isBefore(len(digits)-i) {
			out.WriteString(f.grouping)
		}
		out.WriteRune(digit)
	}
	return out.String()
}

func (f decimalFormat) groupFraction(fraction string, l layout) string {
	var out strings.Builder
	for i, digit := range []rune(fraction) {
		if i > 0 && slices.Contains(l.fractionGroups, i) {
			out.WriteString(f.grouping)
		}
		out.WriteRune(digit)
	}
	return out.String()
}
