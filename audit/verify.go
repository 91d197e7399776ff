package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
)

// clockTolerance is how much earlier than its event a seal may appear to be: events have the time of the
// process that recorded them, and seals that of the database.
const clockTolerance = time.Hour

// Report is the result of Verify.
type Report struct {
	// Seals and Events count what was checked. FirstSeal is the number of the first, 1 unless earlier ones
	// were deleted or not asked for.
	Seals, Events int
	FirstSeal     int64
	// From and To are the times of the first and the last seal, zero without any.
	From, To time.Time
	// Previous is the hash that the first seal continues, and Head the one at the end of the last, in
	// hexadecimal digits. Whoever keeps a head elsewhere can later check that the chain still contains it.
	Previous, Head string
	// LacksHead means that the seals that were checked do not contain the expected head, and earlier seals
	// exist or existed, to which it may belong.
	LacksHead bool
	// Break is the first place where the chain is broken, nil when it is whole.
	Break *Break
}

// IsWhole reports whether nothing is wrong: the chain has no break, and contains the expected head.
func (r Report) IsWhole() bool { return r.Break == nil && !r.LacksHead }

// Break is a place where the chain is broken.
type Break struct {
	// Seal is the number of the seal, 0 for an event without one.
	Seal int64
	// Event is the event that is not as it was sealed, zero when the seal itself is wrong.
	Event uuid.UUID
	// What says what is wrong.
	What string
}

func (b Break) String() string {
	switch {
	case b.Event == uuid.Nil:
		return fmt.Sprintf("seal %d %s", b.Seal, b.What)
	case b.Seal == 0:
		return fmt.Sprintf("event %s %s", b.Event, b.What)
	}
	return fmt.Sprintf("event %s of seal %d %s", b.Event, b.Seal, b.What)
}

// Check says what Verify checks.
type Check struct {
	// Span selects the seals that are checked. The hash that the first of them continues is trusted, unless it
	// is the first of all.
	Span
	// Head, unless it is nil, is the hash of a Report's head from before, which the chain must contain.
	Head []byte
}

// Verify computes the hash chain again, and stops at the first break. It finds events that were changed,
// deleted, or added without Portico. It cannot find that the end of the chain was removed, or that all of it was
// written anew: for that, compare with a head that was kept elsewhere.
func (l *Log) Verify(ctx context.Context, check Check) (report Report, err error) {
	err = l.snapshot(ctx, func(tx pgx.Tx) error {
		report, err = verify(ctx, tx, check)
		return err
	})
	return report, err
}

func verify(ctx context.Context, tx db.DBTX, check Check) (Report, error) {
	v := verification{expected: check.Head, found: check.Head == nil}
	for next, err := range seals(ctx, tx, check.Span) {
		if err != nil {
			return Report{}, err
		}
		if v.report.Break, err = v.check(next); err != nil || v.report.Break != nil {
			return v.report, err
		}
	}
	if !v.found && v.report.FirstSeal <= 1 && check.Span == (Span{}) {
		v.report.Break = &Break{Seal: v.last.Number, What: "ends a chain that does not contain the hash " + hex.EncodeToString(check.Head)}
		return v.report, nil
	}
	v.report.LacksHead = !v.found
	return v.report, v.findStray(ctx, tx, check.Span)
}

// findStray finds an event that is neither sealed nor waiting for it.
func (v *verification) findStray(ctx context.Context, tx db.DBTX, span Span) error {
	before := uuid.Max
	if !span.Until.IsZero() {
		before = firstID(span.Until)
	}
	stray, err := queries.AuditEventWithoutSeal(ctx, tx, firstID(span.Since), before, earlier(span.Since, clockTolerance))
	if err != nil {
		return fmt.Errorf("find audit events without a seal: %w", err)
	}
	if len(stray) > 0 {
		v.report.Break = &Break{Event: stray[0], What: "was never sealed: somebody added it without Portico, or removed its seal"}
	}
	return nil
}

func earlier(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-by)
}

// verification is a walk along the chain.
type verification struct {
	report Report
	last   db.AuditSeal
	// expected is a hash that the chain must contain, and found whether it was met.
	expected []byte
	found    bool
}

// check compares a seal with the one before and with its events; nil when all is as it should be.
func (v *verification) check(next sealed) (*Break, error) {
	isFirst := v.report.Seals == 0
	if wrong := v.checkSeal(next.AuditSeal, isFirst); wrong != "" {
		return &Break{Seal: next.Number, What: wrong}, nil
	}
	if isFirst {
		v.report.FirstSeal, v.report.From, v.report.Previous = next.Number, next.SealedAt, hex.EncodeToString(next.Previous)
		v.found = v.found || bytes.Equal(next.Previous, v.expected)
	}
	hash := next.Previous
	for i, id := range next.EventIds {
		row, exists := next.events[id]
		if !exists {
			return &Break{Seal: next.Number, Event: id, What: "was deleted"}, nil
		}
		var err error
		if hash, err = link(hash, row); err != nil {
			return nil, err
		}
		if !bytes.Equal(hash, next.Hashes[i]) {
			return &Break{Seal: next.Number, Event: id, What: "was changed"}, nil
		}
		v.found = v.found || bytes.Equal(hash, v.expected)
	}
	v.last, v.report.To, v.report.Head = next.AuditSeal, next.SealedAt, hex.EncodeToString(hash)
	v.report.Seals++
	v.report.Events += len(next.EventIds)
	return nil, nil
}

// checkSeal says what is wrong with a seal itself, "" when nothing is.
func (v *verification) checkSeal(next db.AuditSeal, isFirst bool) string {
	switch {
	case isMalformed(next):
		return "has not one hash for each event"
	case isFirst && next.Number == 1 && !bytes.Equal(next.Previous, beginning):
		return "does not begin the chain"
	case isFirst:
		return ""
	case next.Number != v.last.Number+1:
		return fmt.Sprintf("follows seal %d: those between were deleted", v.last.Number)
	case !bytes.Equal(next.Previous, v.last.Hashes[len(v.last.Hashes)-1]):
		return fmt.Sprintf("does not continue seal %d", v.last.Number)
	}
	return ""
}
