package nunjucks

import (
	"fmt"
	"strings"
	"time"
)

// Limits bounds one rendering. A field that is zero takes its value from DefaultLimits.
type Limits struct {
	// Time is how long a rendering may take; an earlier deadline of the context wins.
	Time time.Duration
	// Steps bounds the units of evaluation: one for each statement, call and operation, and about one for
	// each item or 64 bytes that a built-in processes.
	Steps int
	// OutputBytes bounds the rendered text, and that of each capture and macro call.
	OutputBytes int
	// AllocationBytes bounds the memory that the rendering allocates, by the size in Go. It is counted before
	// the allocation, and released memory still counts.
	AllocationBytes int
	// Depth bounds the nesting of evaluations. A macro call adds the nesting of the macro's body.
	Depth int
	// SourceBytes bounds the template's source. It is checked by Parse.
	SourceBytes int
	// RegexTime bounds a single match of a regular expression.
	RegexTime time.Duration
}

// DefaultLimits are generous for real templates, and small enough for a server.
var DefaultLimits = Limits{
	Time:            10 * time.Second,
	Steps:           20_000_000,
	OutputBytes:     16 << 20,
	AllocationBytes: 256 << 20,
	Depth:           50_000,
	SourceBytes:     4 << 20,
	RegexTime:       time.Second,
}

// withDefaults fills in the limits that the caller left out.
func (l Limits) withDefaults() Limits {
	orDefault(&l.Time, DefaultLimits.Time)
	orDefault(&l.Steps, DefaultLimits.Steps)
	orDefault(&l.OutputBytes, DefaultLimits.OutputBytes)
	orDefault(&l.AllocationBytes, DefaultLimits.AllocationBytes)
	orDefault(&l.Depth, DefaultLimits.Depth)
	orDefault(&l.SourceBytes, DefaultLimits.SourceBytes)
	orDefault(&l.RegexTime, DefaultLimits.RegexTime)
	return l
}

func orDefault[T int | time.Duration](limit *T, standard T) {
	if *limit <= 0 {
		*limit = standard
	}
}

const (
	// maxNesting bounds how deep the parser recurses: brackets in brackets, blocks in blocks.
	maxNesting = 1_000
	// maxHeight bounds the depth of the compiled tree. A long chain of operators adds to it as nesting does.
	maxHeight = 10_000
	// maxNodes bounds the size of the compiled tree.
	maxNodes = 250_000
	// maxValueDepth bounds the nesting of lists wherever a value is walked: printed, dumped, copied.
	maxValueDepth = 2_000
	// maxExpected bounds the initial capacity of the output, which is the length of the source.
	maxExpected = 32 << 10
	// maxQuoted bounds how much of a value an error message quotes, in bytes.
	maxQuoted = 200
	// clockInterval is the number of steps between two checks of the clock and the context.
	clockInterval = 1 << 10
)

// LimitError says which limit a rendering exceeded.
type LimitError struct {
	// Limit names the field of Limits: "Steps".
	Limit string
	// Allowed is the limit's value as text.
	Allowed string
}

func (e *LimitError) Error() string {
	unit := ""
	if strings.HasSuffix(e.Limit, "Bytes") {
		unit = " bytes"
	}
	return fmt.Sprintf("the template %s (it exceeds the limit of %s%s)", limitMessages[e.Limit], e.Allowed, unit)
}

// limitMessages says what a template does that exceeds a limit.
var limitMessages = map[string]string{
	"Time":            "takes too long",
	"Steps":           "has too much to evaluate",
	"OutputBytes":     "writes too much text",
	"AllocationBytes": "takes too much memory",
	"Depth":           "is nested too deeply",
	"SourceBytes":     "is too long",
	"RegexTime":       "has a regular expression that takes too long",
}
