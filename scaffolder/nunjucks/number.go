package nunjucks

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// formatNumber is JavaScript's String(n): the shortest digits that parse to n.
func formatNumber(n float64) string {
	if n == math.Trunc(n) && math.Abs(n) < 1e15 {
		return strconv.FormatInt(int64(n), 10)
	}
	switch {
	case math.IsNaN(n):
		return "NaN"
	case math.IsInf(n, 1):
		return "Infinity"
	case math.IsInf(n, -1):
		return "-Infinity"
	}
	if magnitude := math.Abs(n); magnitude >= 1e-6 && magnitude < 1e21 {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return shortenExponent(strconv.FormatFloat(n, 'e', -1, 64))
}

// shortenExponent turns Go's 1e+05 into JavaScript's 1e+5.
func shortenExponent(s string) string {
	mantissa, exponent, found := strings.Cut(s, "e")
	if !found {
		return s
	}
	sign, digits := exponent[:1], strings.TrimLeft(exponent[1:], "0")
	if digits == "" {
		digits = "0"
	}
	return mantissa + "e" + sign + digits
}

// parseNumber is JavaScript's Number(s).
func parseNumber(s string) float64 {
	s = trimSpace(s)
	if s == "" {
		return 0
	}
	if len(s) > 2 && s[0] == '0' {
		if base, ok := map[byte]float64{'x': 16, 'X': 16, 'o': 8, 'O': 8, 'b': 2, 'B': 2}[s[1]]; ok {
			n, rest := parseDigits(s[2:], base)
			if rest != "" {
				return math.NaN()
			}
			return n
		}
	}
	n, rest := parseDecimal(s)
	if rest != "" {
		return math.NaN()
	}
	return n
}

// parseDecimal reads the longest decimal number at the start of s and returns what follows; NaN when there is
// none.
func parseDecimal(s string) (n float64, rest string) {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	if strings.HasPrefix(s[i:], "Infinity") {
		return math.Inf(1 - 2*strings.Count(s[:i], "-")), s[i+len("Infinity"):]
	}
	digits := countDigits(s[i:])
	i += digits
	if i < len(s) && s[i] == '.' {
		if fraction := countDigits(s[i+1:]); digits+fraction > 0 {
			i += 1 + fraction
			digits += fraction
		}
	}
	if digits == 0 {
		return math.NaN(), s
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if exponent := countDigits(s[j:]); exponent > 0 {
			i = j + exponent
		}
	}
	// The only possible error is a number out of range. Then the result is infinity or zero, as in
	// JavaScript.
	n, _ = strconv.ParseFloat(s[:i], 64)
	return n, s[i:]
}

func countDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// parseDigits reads the digits of a base at the start of s and returns what follows; NaN when there are none.
func parseDigits(s string, base float64) (n float64, rest string) {
	i := 0
	for i < len(s) && digitValue(s[i]) < base {
		i++
	}
	if i == 0 {
		return math.NaN(), s
	}
	if base == 10 {
		n, _ = strconv.ParseFloat(s[:i], 64)
		return n, s[i:]
	}
	for _, digit := range []byte(s[:i]) {
		n = n*base + digitValue(digit)
	}
	// An infinite value has too many digits to compute exactly, and needs no exact computation.
	if n > 1<<53 && !math.IsInf(n, 0) {
		exact, _ := new(big.Int).SetString(strings.TrimLeft(s[:i], "0"), int(base))
		n, _ = new(big.Float).SetInt(exact).Float64()
	}
	return n, s[i:]
}

func digitValue(c byte) float64 {
	switch {
	case c >= '0' && c <= '9':
		return float64(c - '0')
	case c >= 'a' && c <= 'z':
		return float64(c-'a') + 10
	case c >= 'A' && c <= 'Z':
		return float64(c-'A') + 10
	}
	return math.Inf(1)
}

// parseInteger is JavaScript's parseInt(s, base).
func parseInteger(s string, base float64) float64 {
	s = trimLeft(s)
	sign := 1.0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	radix := float64(toInt32(base))
	if (radix == 0 || radix == 16) && len(s) > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		s, radix = s[2:], 16
	}
	if radix == 0 {
		radix = 10
	}
	if radix < 2 || radix > 36 {
		return math.NaN()
	}
	n, _ := parseDigits(s, radix)
	return sign * n
}

// toInt32 is the conversion that JavaScript applies before bit operations.
func toInt32(n float64) int32 {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return 0
	}
	return int32(uint32(int64(math.Mod(math.Trunc(n), 1<<32))))
}

// toInteger truncates; NaN is zero. The result is clamped to a range in which Go's int arithmetic cannot
// overflow.
func toInteger(n float64) int {
	const bound = 1 << 53
	switch {
	case math.IsNaN(n):
		return 0
	case n > bound:
		return bound
	case n < -bound:
		return -bound
	}
	return int(n)
}

// power is Math.pow. It differs from math.Pow where JavaScript returns NaN. It rounds once, while math.Pow
// rounds after each multiplication.
func power(base, exponent float64) float64 {
	switch {
	case math.IsNaN(exponent):
		return math.NaN()
	case math.IsInf(exponent, 0) && math.Abs(base) == 1:
		return math.NaN()
	}
	result := math.Pow(base, exponent)
	whole, fraction := math.Modf(exponent)
	finite := base*0 == 0 && result*0 == 0 && result != 0
	if !finite || math.Abs(whole) > 1024 || fraction != 0 && math.Abs(fraction) < 0x1p-64 {
		return result
	}
	return precisePower(base, int(whole), fraction)
}

// precisePower is base to the power of whole + fraction. The result must be finite and not zero.
func precisePower(base float64, whole int, fraction float64) float64 {
	const precision = 256
	number := func(n float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(n) }
	result := number(1)
	factor := number(base)
	for n := max(whole, -whole); n > 0; n >>= 1 {
		if n&1 == 1 {
			result.Mul(result, factor)
		}
		factor.Mul(factor, factor)
	}
	// Each binary digit of the fraction contributes a root of the base.
	root := number(base)
	for rest := math.Abs(fraction); rest > 0; {
		root.Sqrt(root)
		if rest *= 2; rest >= 1 {
			rest--
			result.Mul(result, root)
		}
	}
	if whole < 0 || fraction < 0 {
		result.Quo(number(1), result)
	}
	rounded, _ := result.Float64()
	return rounded
}

// roundHalfUp is Math.round.
func roundHalfUp(n float64) float64 {
	if math.Abs(n) >= 1<<52 || math.IsNaN(n) {
		return n
	}
	floor := math.Floor(n)
	if n-floor >= 0.5 {
		floor++
	}
	return math.Copysign(floor, n)
}

// formatFixed is n.toFixed(digits) for 0 <= digits <= 100.
func formatFixed(n float64, digits int) string {
	if math.Abs(n) >= 1e21 || math.IsNaN(n) {
		return formatNumber(n)
	}
	text := roundDecimal(math.Abs(n), digits)
	if n < 0 && strings.Trim(text, "0.") != "" || n < 0 && n > -1 && n != 0 {
		return "-" + text
	}
	return text
}

// roundDecimal writes n with the given number of decimals. Ties round up, as in JavaScript; strconv rounds
// them to even.
func roundDecimal(n float64, digits int) string {
	exact := new(big.Rat).SetFloat64(n)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	exact.Mul(exact, new(big.Rat).SetInt(scale))
	doubled := new(big.Int).Mul(exact.Num(), big.NewInt(2))
	doubled.Add(doubled, exact.Denom())
	whole := doubled.Div(doubled, new(big.Int).Mul(exact.Denom(), big.NewInt(2)))
	text := whole.String()
	if digits == 0 {
		return text
	}
	if len(text) <= digits {
		text = strings.Repeat("0", digits+1-len(text)) + text
	}
	return text[:len(text)-digits] + "." + text[len(text)-digits:]
}

// formatExponential is n.toExponential(digits); digits < 0 asks for as many as needed.
func formatExponential(n float64, digits int) string {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return formatNumber(n)
	}
	return shortenExponent(strconv.FormatFloat(n+0, 'e', digits, 64))
}

// formatPrecision is n.toPrecision(digits) for 1 <= digits <= 100.
func formatPrecision(n float64, digits int) string {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return formatNumber(n)
	}
	scientific := strconv.FormatFloat(n+0, 'e', digits-1, 64)
	_, exponentText, _ := strings.Cut(scientific, "e")
	exponent, _ := strconv.Atoi(exponentText)
	if exponent < -6 || exponent >= digits {
		return shortenExponent(scientific)
	}
	return strconv.FormatFloat(n+0, 'f', digits-1-exponent, 64)
}

// formatRadix is n.toString(radix) for 2 <= radix <= 36.
func formatRadix(n float64, radix int) string {
	if radix == 10 || math.IsNaN(n) || math.IsInf(n, 0) {
		return formatNumber(n)
	}
	whole, fraction := math.Modf(math.Abs(n))
	integral, _ := big.NewFloat(whole).Int(nil)
	text := integral.Text(radix)
	if fraction > 0 {
		text += "." + radixFraction(math.Abs(n), fraction, radix)
	}
	if n < 0 {
		return "-" + text
	}
	return text
}

// radixFraction writes the digits after the point, as many as distinguish n from its neighbours.
func radixFraction(n, fraction float64, radix int) string {
	const digitCharacters = "0123456789abcdefghijklmnopqrstuvwxyz"
	delta := max(0.5*(math.Nextafter(n, math.Inf(1))-n), math.SmallestNonzeroFloat64)
	var digits []byte
	for fraction >= delta {
		fraction *= float64(radix)
		delta *= float64(radix)
		digit := int(fraction)
		digits = append(digits, digitCharacters[digit])
		fraction -= float64(digit)
		if (fraction > 0.5 || fraction == 0.5 && digit&1 == 1) && fraction+delta > 1 {
			return roundRadixUp(digits, digitCharacters, radix)
		}
	}
	return string(digits)
}

// roundRadixUp adds one to the last digit. V8 carries into the digits before it, and drops a digit that
// overflows.
func roundRadixUp(digits []byte, characters string, radix int) string {
	for i := len(digits) - 1; i >= 0; i-- {
		value := strings.IndexByte(characters, digits[i]) + 1
		if value < radix {
			digits[i] = characters[value]
			return string(digits[:i+1])
		}
	}
	return ""
}

// formatLocale groups the digits of n by thousands and keeps three decimals at most.
func formatLocale(n float64) string {
	if math.IsInf(n, 0) {
		return strings.Replace(formatNumber(n), "Infinity", "∞", 1)
	}
	if math.IsNaN(n) {
		return "NaN"
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(math.Abs(n), 'f', -1, 64), ".")
	if len(fraction) > 3 {
		whole, fraction, _ = strings.Cut(roundDecimal(math.Abs(n), 3), ".")
	}
	fraction = strings.TrimRight(fraction, "0")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if math.Signbit(n) {
		return "-" + whole
	}
	return whole
}
