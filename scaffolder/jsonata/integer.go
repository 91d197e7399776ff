package jsonata

import (
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// integerStyle is how an integer is written.
type integerStyle int

const (
	decimalStyle integerStyle = iota
	lettersStyle
	romanStyle
	wordsStyle
	unknownStyle
)

// letterCase is that of letters.
type letterCase int

const (
	lowerCase letterCase = iota
	upperCase
	titleCase
)

// integerFormat is a picture of format-integer of XPath.
type integerFormat struct {
	picture   string
	style     integerStyle
	letters   letterCase
	isOrdinal bool
	zero      rune
	// mandatory and optional are numbers of digits.
	mandatory, optional int
	// separators are the characters between digits, by their distance from the right; regular is the interval
	// of those that repeat.
	separators map[int]rune
	regular    int
}

// zeros are the zeros of the decimal digits of some scripts.
var zeros = []rune{
	0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20,
	0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0,
	0xAA50, 0xABF0, 0xFF10,
}

func newIntegerFormat(picture string) integerFormat {
	format := integerFormat{picture: picture, zero: '0', separators: map[int]rune{}}
	primary := picture
	if at := strings.LastIndexByte(picture, ';'); at >= 0 {
		primary = picture[:at]
		format.isOrdinal = strings.HasPrefix(picture[at+1:], "o")
	}
	switch primary {
	case "A":
		format.style, format.letters = lettersStyle, upperCase
	case "a":
		format.style = lettersStyle
	case "I":
		format.style, format.letters = romanStyle, upperCase
	case "i":
		format.style = romanStyle
	case "W":
		format.style, format.letters = wordsStyle, upperCase
	case "Ww":
		format.style, format.letters = wordsStyle, titleCase
	case "w":
		format.style = wordsStyle
	default:
		format.readDigits(primary)
	}
	return format
}

// readDigits reads a pattern of digits, from the right.
func (f *integerFormat) readDigits(pattern string) {
	characters := []rune(pattern)
	place := 0
	var positions []int
	for _, r := range slices.Backward(characters) {
		switch zero := zeroOf(r); {
		case zero != 0:
			if f.mandatory > 0 && zero != f.zero {
				fail("D3131", 0)
			}
			f.zero = zero
			f.mandatory++
			place++
		case r == '#':
			f.optional++
			place++
		default:
			f.separators[place] = r
			positions = append(positions, place)
		}
	}
	if f.mandatory == 0 {
		f.style = unknownStyle
		return
	}
	f.regular = regularInterval(positions)
	for _, position := range positions {
		if f.separators[position] != f.separators[positions[0]] {
			f.regular = 0
		}
	}
}

func zeroOf(r rune) rune {
	for _, zero := range zeros {
		if r >= zero && r <= zero+9 {
			return zero
		}
	}
	return 0
}

// formatInteger writes an integer by a picture.
func formatInteger(value float64, format integerFormat) string {
	sign := ""
	if value < 0 {
		sign = "-"
	}
	value = math.Abs(value)
	switch format.style {
	case lettersStyle:
		return sign + inCase(lettersOf(value), format.letters)
	case romanStyle:
		return sign + inCase(romanOf(value), format.letters)
	case wordsStyle:
		return sign + inCase(wordsOf(value, false, format.isOrdinal), format.letters)
	case unknownStyle:
		fail("D3130", 0, "value", format.picture)
	case decimalStyle:
	}
	return sign + decimalOf(value, format)
}

// inCase writes words in capitals or without. Title case is how they are made.
func inCase(text string, letters letterCase) string {
	switch letters {
	case upperCase:
		return strings.ToUpper(text)
	case lowerCase:
		return strings.ToLower(text)
	case titleCase:
	}
	return text
}

func decimalOf(value float64, format integerFormat) string {
	digits := nunjucks.FormatNumber(value)
	digits = strings.Repeat("0", max(0, format.mandatory-len(digits))) + digits
	var out strings.Builder
	for i, digit := range digits {
		right := len(digits) - i
		if separator, has := format.separators[right]; i > 0 && has && format.regular == 0 {
			out.WriteRune(separator)
		} else if i > 0 && format.regular > 0 && right%format.regular == 0 {
			out.WriteRune(format.separators[format.regular])
		}
		if digit >= '0' && digit <= '9' {
			digit += format.zero - '0'
		}
		out.WriteRune(digit)
	}
	if format.isOrdinal {
		out.WriteString(ordinalSuffix(digits))
	}
	return out.String()
}

func ordinalSuffix(digits string) string {
	if len(digits) > 1 && digits[len(digits)-2] == '1' {
		return "th"
	}
	switch digits[len(digits)-1] {
	case '1':
		return "st"
	case '2':
		return "nd"
	case '3':
		return "rd"
	}
	return "th"
}

// maxLetters bounds a number that is written as letters or in Roman numerals, which have a letter for each
// thousand.
const maxLetters = 1_000_000

func lettersOf(value float64) string {
	var letters []byte
	for ; value > 0 && len(letters) < 64; value = math.Floor((value - 1) / 26) {
		letters = append([]byte{byte(math.Mod(value-1, 26)) + 'a'}, letters...)
	}
	return string(letters)
}

var romanNumerals = []struct {
	value float64
	text  string
}{
	{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"}, {10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"},
}

func romanOf(value float64) string {
	if value > maxLetters {
		fail("D1001", 0, "value", value)
	}
	var out strings.Builder
	for _, numeral := range romanNumerals {
		for ; value >= numeral.value; value -= numeral.value {
			out.WriteString(numeral.text)
		}
	}
	return out.String()
}

var (
	units20 = []string{
		"Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve", "Thirteen", "Fourteen",
		"Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen",
	}
	ordinals20 = []string{
		"Zeroth", "First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth", "Eleventh", "Twelfth",
		"Thirteenth", "Fourteenth", "Fifteenth", "Sixteenth", "Seventeenth", "Eighteenth", "Nineteenth",
	}
	decades    = []string{"Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"}
	magnitudes = []string{"Thousand", "Million", "Billion", "Trillion"}
)

// wordsOf writes a number in words. follows says that it comes after a larger part.
func wordsOf(number float64, follows, isOrdinal bool) string {
	switch {
	case number < 20:
		words := units20
		if isOrdinal {
			words = ordinals20
		}
		return and(follows) + words[int(number)]
	case number < 100:
		word := and(follows) + decades[int(number/10)-2]
		if rest := math.Mod(number, 10); rest > 0 {
			return word + "-" + wordsOf(rest, false, isOrdinal)
		}
		if isOrdinal {
			return strings.TrimSuffix(word, "y") + "ieth"
		}
		return word
	case number < 1000:
		return comma(follows) + units20[int(number/100)] + " Hundred" + restOf(math.Mod(number, 100), isOrdinal)
	}
	magnitude := min(int(math.Log10(number)/3), len(magnitudes))
	if number >= math.Pow(1000, float64(magnitude+1)) && magnitude < len(magnitudes) {
		magnitude++ // The logarithm was rounded down.
	}
	factor := math.Pow(1000, float64(magnitude))
	if number > 1e21 {
		fail("D1001", 0, "value", number)
	}
	whole := math.Floor(number / factor)
	return comma(follows) + wordsOf(whole, false, false) + " " + magnitudes[magnitude-1] + restOf(number-whole*factor, isOrdinal)
}

func and(follows bool) string {
	if follows {
		return " and "
	}
	return ""
}

func comma(follows bool) string {
	if follows {
		return ", "
	}
	return ""
}

func restOf(rest float64, isOrdinal bool) string {
	switch {
	case rest > 0:
		return wordsOf(rest, true, isOrdinal)
	case isOrdinal:
		return "th"
	}
	return ""
}

// parseInteger reads what formatInteger writes.
func parseInteger(text string, format integerFormat) Value {
	switch format.style {
	case lettersStyle:
		sum := 0.0
		for _, r := range strings.ToLower(text) {
			sum = sum*26 + float64(r-'a'+1)
		}
		return sum
	case romanStyle:
		return romanValue(strings.ToLower(text))
	case wordsStyle:
		return wordsValue(strings.ToLower(text))
	case unknownStyle:
		fail("D3130", 0, "value", format.picture)
	case decimalStyle:
	}
	sum, isNumber := 0.0, false
	for _, r := range text {
		if zero := zeroOf(r); zero == format.zero {
			sum, isNumber = sum*10+float64(r-zero), true
		}
	}
	if !isNumber {
		return undefined
	}
	return sum
}

func romanValue(text string) Value {
	values := map[byte]float64{'m': 1000, 'd': 500, 'c': 100, 'l': 50, 'x': 10, 'v': 5, 'i': 1}
	sum, highest := 0.0, 1.0
	for i := len(text) - 1; i >= 0; i-- {
		if value := values[text[i]]; value < highest {
			sum -= value
		} else {
			highest = value
			sum += value
		}
	}
	return sum
}

// wordValues are the values of the words of numbers.
var wordValues = newWordValues()

func newWordValues() map[string]float64 {
	values := map[string]float64{"hundred": 100, "hundredth": 100}
	for i := range units20 {
		values[strings.ToLower(units20[i])], values[strings.ToLower(ordinals20[i])] = float64(i), float64(i)
	}
	for i, word := range decades {
		word = strings.ToLower(word)
		values[word], values[strings.TrimSuffix(word, "y")+"ieth"] = float64(i+2)*10, float64(i+2)*10
	}
	for i, word := range magnitudes {
		word = strings.ToLower(word)
		values[word], values[word+"th"] = math.Pow(1000, float64(i+1)), math.Pow(1000, float64(i+1))
	}
	return values
}

func wordsValue(text string) Value {
	segments := []float64{0}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == '-' }) {
		if word == "and" {
			continue
		}
		value, known := wordValues[word]
		if !known {
			return undefined
		}
		last := &segments[len(segments)-1]
		switch {
		case value >= 100:
			*last *= value
		case *last >= 1000:
			segments = append(segments, value)
		default:
			*last += value
		}
	}
	sum := 0.0
	for _, segment := range segments {
		sum += segment
	}
	return sum
}
