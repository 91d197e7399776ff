package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the report: a figure of each system, and how many times better Portico's has to be.
type row struct {
	title string
	value func(options, result) float64
	// format prints a value with its unit.
	format string
	// moreIsBetter is set for throughput only.
	moreIsBetter bool
	// atLeast is the promised ratio; 0 is no promise.
	atLeast float64
	// atMost is the promised maximum, independent of the peer; 0 is no promise.
	atMost float64
}

func seconds(d time.Duration) float64      { return d.Seconds() }
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func megabytes(bytes uint64) float64       { return float64(bytes) / 1e6 }

func rows(o options) []row {
	all := []row{
		{title: "first boot, empty databases", format: "%.2f s", value: func(_ options, r result) float64 { return seconds(r.firstBoot) }},
		{title: "boot", format: "%.2f s", atMost: 3, value: func(_ options, r result) float64 { return seconds(r.boot) }},
	}
	switch o.what {
	case "ingest":
		return append(all, ingestRows(o)...)
	case "catalog":
		return slices.Concat(all, ingestRows(o), readRows(o))
	}
	return append(all, runRows(o)...)
}

func runRows(o options) []row {
	return []row{
		{title: "resident memory, idle", format: "%.0f MB", value: func(_ options, r result) float64 { return megabytes(r.idle) }},
		{title: fmt.Sprintf("resident memory, after %d runs", o.batch*o.batches), format: "%.0f MB",
			value: func(_ options, r result) float64 { return megabytes(r.afterBatch) }},
		{title: fmt.Sprintf("three logs, median of %d", o.runs), format: "%.0f ms", atLeast: 2,
			value: func(_ options, r result) float64 { return milliseconds(r.short) }},
		{title: fmt.Sprintf("three logs, %d at once, median of %d", o.batch, o.batches), format: "%.1f runs/s", moreIsBetter: true, atLeast: 3,
			value: func(o options, r result) float64 { return float64(o.batch) / seconds(middle(r.batches).took) }},
		{title: "  CPU for it, program", format: "%.1f s", value: func(_ options, r result) float64 { return seconds(middle(r.batches).cpu.program) }},
		{title: "  CPU for it, PostgreSQL", format: "%.1f s", value: func(_ options, r result) float64 { return seconds(middle(r.batches).cpu.postgres) }},
		{title: fmt.Sprintf("a skeleton of %d files, median of %d", o.files, o.renders), format: "%.2f s", atLeast: 10,
			value: func(_ options, r result) float64 { return seconds(middle(r.renders).took) }},
		{title: "  CPU for one, program", format: "%.2f s", value: func(_ options, r result) float64 { return seconds(middle(r.renders).cpu.program) }},
		{title: "  CPU for one, PostgreSQL", format: "%.2f s", value: func(_ options, r result) float64 { return seconds(middle(r.renders).cpu.postgres) }},
	}
}

func ingestRows(o options) []row {
	return []row{
		{title: fmt.Sprintf("ingest of %d entities", o.entities), format: "%.2f s", atLeast: 100, value: func(_ options, r result) float64 { return seconds(r.ingest.took) }},
		{title: "  CPU for it, program", format: "%.2f s", value: func(_ options, r result) float64 { return seconds(r.ingest.cpu.program) }},
		{title: "  CPU for it, PostgreSQL", format: "%.2f s", value: func(_ options, r result) float64 { return seconds(r.ingest.cpu.postgres) }},
		{title: "  CPU for it, both", format: "%.2f s", value: func(_ options, r result) float64 {
			return seconds(r.ingest.cpu.program + r.ingest.cpu.postgres)
		}},
		{title: "  resident memory after it", format: "%.0f MB", value: func(_ options, r result) float64 { return megabytes(r.ingest.cpu.resident) }},
		{title: fmt.Sprintf("  CPU in the next %s, both", o.rest), format: "%.2f s", value: func(_ options, r result) float64 {
			return seconds(r.rest.cpu.program + r.rest.cpu.postgres)
		}},
	}
}

func readRows(o options) (all []row) {
	for _, read := range reads(o.entities) {
		of := func(value func(loaded) float64) func(options, result) float64 {
			return func(_ options, r result) float64 { return value(usual(r.loads[read.title])) }
		}
		all = append(all,
			row{title: read.title, format: "%.0f/s", moreIsBetter: true, atLeast: read.atLeast, value: of(loaded.perSecond)},
			row{title: "  95 % within", format: "%.1f ms", value: of(func(l loaded) float64 { return milliseconds(l.quantile(0.95)) })},
			row{title: "  CPU for one", format: "%.2f ms", value: of(func(l loaded) float64 { return milliseconds(l.cpuEach()) })})
	}
	return all
}

// report prints a table and returns an error for a broken promise. The peer's result comes first, if there is
// one.
func report(w io.Writer, o options, results []result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	heading := []string{""}
	for _, r := range results {
		heading = append(heading, r.system)
	}
	fmt.Fprintln(table, strings.Join(append(heading, "ratio", "promised"), "\t"))
	var broken []error
	for _, row := range rows(o) {
		kept := row.print(table, o, results)
		if !kept {
			broken = append(broken, fmt.Errorf("not as promised: %s", strings.TrimSpace(row.title)))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return errors.Join(broken...)
}

func (row row) print(w io.Writer, o options, results []result) (kept bool) {
	cells := []string{row.title}
	for _, r := range results {
		cells = append(cells, fmt.Sprintf(row.format, row.value(o, r)))
	}
	portico := row.value(o, results[len(results)-1])
	ratio, promised := "", ""
	kept = true
	if row.atMost > 0 {
		promised = "at most " + fmt.Sprintf(row.format, row.atMost)
		kept = portico <= row.atMost
	}
	if len(results) > 1 {
		better := times(row.value(o, results[0]), portico, row.moreIsBetter)
		ratio = fmt.Sprintf("%.1f x", better)
		if row.atLeast > 0 {
			promised = fmt.Sprintf("at least %.0f x", row.atLeast)
			kept = better >= row.atLeast
		}
	}
	fmt.Fprintln(w, strings.Join(append(cells, ratio, promised), "\t"))
	return kept
}

// times says how many times better Portico's figure is; below 1 it is worse.
func times(peer, portico float64, moreIsBetter bool) float64 {
	if moreIsBetter {
		peer, portico = portico, peer
	}
	// A time below the resolution counts as one unit.
	return peer / max(portico, 1.0/ticks)
}
