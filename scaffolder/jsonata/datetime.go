package jsonata

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// isoPicture is the default format of times.
const isoPicture = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"

// timePart is a part of a picture of a time: a literal text, or a component.
type timePart struct {
	literal   string
	component byte
	// names is the case of names, "" for digits: "n", "N" or "Nn".
	names    string
	integer  integerFormat
	maxWidth int
	// digits is how many digits of a year are written, -1 for all.
	digits int
	isZulu bool
	// width is how many digits are read, 0 for any number, when another component follows at once.
	width int
}

// defaultModifiers are the formats of components without one.
var defaultModifiers = map[byte]string{
	'Y': "1", 'M': "1", 'D': "1", 'd': "1", 'F': "n", 'W': "1", 'w': "1", 'X': "1", 'x': "1", 'H': "1", 'h': "1",
	'P': "n", 'm': "01", 's': "01", 'f': "1", 'Z': "01:01", 'z': "01:01", 'C': "n", 'E': "n",
}

const (
	integerComponents = "YMDdFWwXxHhmsf"
	whitespaces       = " \t\r\n"
)

// newTimePicture parses a picture: [Y0001]-[M01], with [[ and ]] for brackets.
func newTimePicture(picture string) (parts []*timePart) {
	literal := func(text string) {
		if text != "" {
			parts = append(parts, &timePart{literal: strings.ReplaceAll(text, "]]", "]")})
		}
	}
	for {
		at := strings.IndexByte(picture, '[')
		if at < 0 {
			literal(picture)
			return parts
		}
		literal(picture[:at])
		if strings.HasPrefix(picture[at:], "[[") {
			parts = append(parts, &timePart{literal: "["})
			picture = picture[at+2:]
			continue
		}
		end := strings.IndexByte(picture[at:], ']')
		if end < 0 {
			fail("D3135", 0)
		}
		made := newTimePart(strings.Join(strings.Fields(picture[at+1:at+end]), ""))
		if last := len(parts) - 1; last >= 0 && parts[last].component != 0 && strings.IndexByte(integerComponents, made.component) >= 0 && made.names == "" {
			parts[last].width = parts[last].integer.mandatory
		}
		parts = append(parts, made)
		picture = picture[at+end+1:]
	}
}

func newTimePart(marker string) *timePart {
	if marker == "" {
		fail("D3132", 0, "value", "")
	}
	part := &timePart{component: marker[0], maxWidth: -1, digits: -1}
	modifier, width, _ := strings.Cut(marker[1:], ",")
	minWidth := part.readWidth(width)
	second := ""
	if size := len(modifier); size > 1 && strings.IndexByte("atco", modifier[size-1]) >= 0 {
		modifier, second = modifier[:size-1], modifier[size-1:]
	}
	part.isZulu = second == "t"
	if modifier == "" {
		modifier = defaultModifiers[part.component]
	}
	if modifier == "" {
		fail("D3132", 0, "value", string(rune(part.component)))
	}
	switch {
	case strings.HasPrefix(modifier, "n"):
		part.names = "n"
	case strings.HasPrefix(modifier, "Nn"):
		part.names = "Nn"
	case strings.HasPrefix(modifier, "N"):
		part.names = "N"
	case strings.IndexByte(integerComponents, part.component) >= 0:
		pattern := modifier
		if second != "" {
			pattern += ";" + second
		}
		part.integer = newIntegerFormat(pattern)
		part.integer.mandatory = max(part.integer.mandatory, minWidth)
		part.yearDigits()
	case part.component == 'Z' || part.component == 'z':
		part.integer = newIntegerFormat(modifier)
	}
	return part
}

// readWidth reads the widths of a component, and returns the least.
func (p *timePart) readWidth(text string) int {
	least, most, _ := strings.Cut(text, "-")
	if width, err := strconv.Atoi(most); err == nil {
		p.maxWidth = width
	}
	width, err := strconv.Atoi(least)
	const maxDigits = 100
	if err != nil {
		return 0
	}
	return min(width, maxDigits)
}

// yearDigits decides how many digits of a year are written.
func (p *timePart) yearDigits() {
	if p.component != 'Y' {
		return
	}
	if p.maxWidth >= 0 {
		p.digits, p.integer.mandatory = p.maxWidth, p.maxWidth
	} else if width := p.integer.mandatory + p.integer.optional; width >= 2 {
		p.digits = width
	}
}

// formatTime writes a time by a picture, in a zone like "+0100".
func formatTime(e *evaluator, at time.Time, picture, zone Value) Value {
	offset := 0
	if text, has := zone.(string); has {
		offset, _ = strconv.Atoi(strings.TrimSpace(text)) // What is no number is no offset.
	}
	hours, minutes := int(math.Floor(float64(offset)/100)), offset%100
	at = at.UTC().Add(time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
	format := isoPicture
	if text, has := picture.(string); has {
		format = text
	}
	var out strings.Builder
	for _, part := range newTimePicture(format) {
		if part.component == 0 {
			out.WriteString(part.literal)
			continue
		}
		out.WriteString(part.format(at, hours, minutes))
	}
	return e.text(out.String())
}

func (p *timePart) format(at time.Time, hours, minutes int) string {
	switch p.component {
	case 'Z', 'z':
		return p.formatZone(hours, minutes)
	case 'P':
		text := "am"
		if at.Hour() >= 12 {
			text = "pm"
		}
		return inCase(text, map[string]letterCase{"N": upperCase}[p.names])
	case 'C', 'E':
		return "ISO"
	}
	value := fragment(at, p.component)
	if p.names == "" {
		if p.component == 'Y' && p.digits >= 0 {
			value = math.Mod(value, math.Pow(10, float64(p.digits)))
		}
		return formatInteger(value, p.integer)
	}
	name := ""
	switch p.component {
	case 'M', 'x':
		name = time.Month(int(value)).String()
	case 'F':
		name = time.Weekday(int(value) % 7).String()
	default:
		fail("D3133", 0, "value", string(rune(p.component)))
	}
	name = inCase(name, map[string]letterCase{"n": lowerCase, "N": upperCase, "Nn": titleCase}[p.names])
	if p.maxWidth >= 0 && len(name) > p.maxWidth {
		return name[:p.maxWidth]
	}
	return name
}

func (p *timePart) formatZone(hours, minutes int) string {
	offset := float64(hours*100 + minutes)
	var text string
	switch digits := p.integer.mandatory; {
	case p.integer.regular > 0 || digits == 3 || digits == 4:
		text = formatInteger(offset, p.integer)
	case digits == 1 || digits == 2:
		text = formatInteger(float64(hours), p.integer)
		if minutes != 0 {
			text += ":" + formatInteger(float64(minutes), newIntegerFormat("00"))
		}
	default:
		fail("D3134", 0, "value", float64(digits))
	}
	if offset >= 0 {
		text = "+" + text
	}
	if p.component == 'z' {
		text = "GMT" + text
	}
	if offset == 0 && p.isZulu {
		return "Z"
	}
	return text
}

// fragment is a component of a time as a number.
func fragment(at time.Time, component byte) float64 {
	weekYear, week := at.ISOWeek()
	switch component {
	case 'Y':
		return float64(at.Year())
	case 'M':
		return float64(at.Month())
	case 'D':
		return float64(at.Day())
	case 'd':
		return float64(at.YearDay())
	case 'F':
		return float64((int(at.Weekday())+6)%7 + 1)
	case 'W':
		return float64(week)
	case 'X':
		return float64(weekYear)
	case 'w', 'x':
		month, week := weekOfMonth(at)
		if component == 'x' {
			return float64(month)
		}
		return float64(week)
	case 'H':
		return float64(at.Hour())
	case 'h':
		return float64((at.Hour()+11)%12 + 1)
	case 'm':
		return float64(at.Minute())
	case 's':
		return float64(at.Second())
	case 'f':
		return float64(at.Nanosecond() / int(time.Millisecond))
	}
	fail("D3132", 0, "value", string(rune(component)))
	return 0
}

// weekOfMonth is the month to which the week of a day belongs, and its number there. A week belongs to the
// month of its Thursday.
func weekOfMonth(at time.Time) (month time.Month, week int) {
	thursday := at.AddDate(0, 0, 3-(int(at.Weekday())+6)%7)
	return thursday.Month(), (thursday.Day()-1)/7 + 1
}

var isoTime = regexp.MustCompile(`^\d{4}(-[01]\d)?(-[0-3]\d)?(T[0-2]\d:[0-5]\d:[0-5]\d)?(\.\d+)?([+-][0-2]\d:?[0-5]\d|Z)?$`)

func toMillis(c *call) Value {
	if c.has(1) {
		return parseTime(c, c.text(0), newTimePicture(c.text(1)))
	}
	text := c.text(0)
	if !isoTime.MatchString(text) {
		fail("D3110", 0, "value", text)
	}
	for _, layout := range []string{
		"2006", "2006-01", "2006-01-02", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return float64(at.UnixMilli())
		}
	}
	fail("D3110", 0, "value", text)
	return undefined
}

// expression matches what a part is written like.
func (p *timePart) expression() string {
	switch {
	case p.component == 0:
		return regexp.QuoteMeta(p.literal)
	case p.component == 'Z' || p.component == 'z':
		prefix := ""
		if p.component == 'z' {
			prefix = "GMT"
		}
		return prefix + `(?:[-+][0-9]+(?::[0-9]+)?|Z)`
	case p.component == 'f':
		return `[0-9]+`
	case p.names != "":
		return `[a-zA-Z]+`
	}
	switch p.integer.style {
	case lettersStyle, romanStyle:
		return `[A-Za-z]+`
	case wordsStyle:
		return `[A-Za-z,\- ]+`
	case decimalStyle, unknownStyle:
	}
	digits := `[\p{Nd},.' ]+`
	if p.width > 0 {
		digits = `\p{Nd}{` + strconv.Itoa(p.width) + `}`
	}
	if p.integer.isOrdinal {
		digits += `(?:th|st|nd|rd)`
	}
	return digits
}

// parse reads the value of a component.
func (p *timePart) parse(text string) (value float64, isKnown bool) {
	switch {
	case p.component == 'Z' || p.component == 'z':
		return zoneMinutes(strings.TrimPrefix(text, "GMT")), true
	case p.component == 'f':
		fraction, err := strconv.ParseFloat("0."+text[:min(3, len(text))], 64)
		return math.Round(fraction * 1000), err == nil
	case p.component == 'P':
		return map[string]float64{"am": 0, "pm": 1}[strings.ToLower(text)], true
	case p.names != "":
		return p.nameValue(text)
	}
	number, isNumber := parseInteger(text, p.integer).(float64)
	return number, isNumber
}

func (p *timePart) nameValue(text string) (value float64, isKnown bool) {
	for i := 1; i <= 12; i++ {
		name := time.Month(i).String()
		if p.component == 'F' {
			name = time.Weekday(i % 7).String()
		}
		if p.maxWidth >= 0 && len(name) > p.maxWidth {
			name = name[:p.maxWidth]
		}
		if strings.EqualFold(name, text) {
			return float64(i), true
		}
	}
	return 0, false
}

func zoneMinutes(text string) float64 {
	if text == "Z" || text == "z" {
		return 0
	}
	hours, minutes, hasColon := strings.Cut(text, ":")
	if !hasColon && len(text) > 3 {
		hours, minutes = text[:3], text[3:]
	}
	h, _ := strconv.Atoi(hours) // The text was matched before.
	m, _ := strconv.Atoi(minutes)
	return float64(h*60 + m)
}

// parseTime reads a time that is written by a picture. Components that the picture lacks before the first it
// has are those of now; after it they are their least.
func parseTime(c *call, text string, parts []*timePart) Value {
	var pattern strings.Builder
	for _, part := range parts {
		pattern.WriteString("(" + part.expression() + ")")
	}
	compiled, err := regexp.Compile("(?i)^" + pattern.String() + "$")
	if err != nil {
		panic(thrown{err})
	}
	match := compiled.FindStringSubmatch(text)
	if match == nil {
		return undefined
	}
	known := map[byte]float64{}
	for i, part := range parts {
		if part.component == 0 {
			continue
		}
		if value, isKnown := part.parse(match[i+1]); isKnown {
			known[part.component] = value
		}
	}
	if len(known) == 0 {
		return undefined
	}
	return timeOf(c.began.UTC(), known)
}

func timeOf(now time.Time, known map[byte]float64) Value {
	_, isHalf := known['h']
	_, byDay := known['d']
	if _, hasWeek := known['W']; hasWeek {
		fail("D3136", 0)
	}
	components := "YMDHmsf"
	if byDay {
		components = "YdHmsf"
	}
	if isHalf {
		components = strings.Replace(components, "H", "Ph", 1)
	}
	hasBegun, hasEnded := false, false
	for i := range len(components) {
		component := components[i]
		if _, is := known[component]; is {
			if hasEnded {
				fail("D3136", 0)
			}
			hasBegun = true
			continue
		}
		switch {
		case !hasBegun && component != 'P':
			known[component] = fragment(now, component)
		case strings.IndexByte("MDd", component) >= 0:
			known[component], hasEnded = 1, true
		default:
			known[component], hasEnded = 0, hasEnded || hasBegun
		}
	}
	if isHalf {
		known['H'] = math.Mod(known['h'], 12) + 12*known['P']
	}
	month, day := known['M'], known['D']
	if byDay {
		month, day = 1, known['d']
	}
	at := time.Date(int(known['Y']), time.Month(int(month)), int(day), int(known['H']), int(known['m']), int(known['s']),
		int(known['f'])*int(time.Millisecond), time.UTC)
	return float64(at.UnixMilli()) - (known['Z']+known['z'])*60*1000
}
