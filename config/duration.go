package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A year and a month have fixed lengths, as in Backstage.
const (
	day   = 24 * time.Hour
	week  = 7 * day
	month = 30 * day
	year  = 365 * day
)

var (
	// durationUnits are the keys of the object form.
	durationUnits = map[string]time.Duration{
		"years": year, "months": month, "weeks": week, "days": day,
		"hours": time.Hour, "minutes": time.Minute, "seconds": time.Second, "milliseconds": time.Millisecond,
	}
	// wordUnits are the units of the text form, "30 seconds" or "1d".
	wordUnits = map[string]time.Duration{
		"years": year, "year": year, "yrs": year, "yr": year, "y": year,
		"weeks": week, "week": week, "w": week,
		"days": day, "day": day, "d": day,
		"hours": time.Hour, "hour": time.Hour, "hrs": time.Hour, "hr": time.Hour, "h": time.Hour,
		"minutes": time.Minute, "minute": time.Minute, "mins": time.Minute, "min": time.Minute, "m": time.Minute,
		"seconds": time.Second, "second": time.Second, "secs": time.Second, "sec": time.Second, "s": time.Second,
		"milliseconds": time.Millisecond, "millisecond": time.Millisecond,
		"msecs": time.Millisecond, "msec": time.Millisecond, "ms": time.Millisecond,
	}
	isoUnits = []time.Duration{year, month, week, day, time.Hour, time.Minute, time.Second}

	isoDuration  = regexp.MustCompile(`^P(?:` + iso("Y") + iso("M") + iso("W") + iso("D") + `)(?:T` + iso("H") + iso("M") + iso("S") + `)?$`)
	wordDuration = regexp.MustCompile(`^(?i)(\d*\.?\d+)\s*([a-z]+)$`)
)

var errNotDuration = errors.New(`not a duration: write {hours: 1}, PT1H or "1 hour"`)

func iso(unit string) string { return `(?:(\d+(?:[.,]\d+)?)` + unit + `)?` }

// parseDuration reads the two forms that are strings: ISO 8601 (PT30M, P1D) and words (30 seconds, 1d).
func parseDuration(text string) (time.Duration, error) {
	if match := isoDuration.FindStringSubmatch(text); match != nil && strings.ContainsAny(text, "0123456789") {
		quantities := make([]quantity, len(isoUnits))
		for n, unit := range isoUnits {
			quantities[n] = quantity{match[n+1], unit}
		}
		return sumDuration(quantities...)
	}
	match := wordDuration.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return 0, errNotDuration
	}
	unit, ok := wordUnits[strings.ToLower(match[2])]
	if !ok {
		return 0, fmt.Errorf("%w: there is no unit %q", errNotDuration, match[2])
	}
	return sumDuration(quantity{match[1], unit})
}

// quantity is an amount and its unit; an empty amount is none.
type quantity struct {
	amount string
	unit   time.Duration
}

func sumDuration(quantities ...quantity) (time.Duration, error) {
	var total float64
	for _, each := range quantities {
		if each.amount == "" {
			continue
		}
		number, err := strconv.ParseFloat(strings.ReplaceAll(each.amount, ",", "."), 64)
		if err != nil {
			return 0, errNotDuration
		}
		total += number * float64(each.unit)
	}
	if math.IsNaN(total) || total < 0 || total >= math.MaxInt64 {
		return 0, errors.New("not a duration between 0 and 292 years")
	}
	return time.Duration(total), nil
}
