package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
)

// sealsAtOnce bounds the seals that are read at once, with at most sealSize events each.
const sealsAtOnce = 20

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
	// Head is the hash at the end of the chain, in hexadecimal digits. Whoever keeps it elsewhere can later
	// check that the chain still contains it.
	Head string
	// Break is the first place where the chain is broken, nil when it is whole.
	Break *Break
}

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
	// Since selects the seals since a time, all when it is zero. Then the first of them is trusted.
	Since time.Time
	// Head, unless it is "", is a Report's head from before, which the chain must contain.
	Head string
}

// Verify computes the hash chain again, and stops at the first break. It finds events that were changed,
// deleted or added past Portico. It cannot find that the end of the chain was removed, or that all of it was
// written anew: for that, compare with a head that was kept elsewhere.
func (l *Log) Verify(ctx context.Context, check Check) (Report, error) {
	v := verification{expected: check.Head, found: check.Head == ""}
	for v.report.Break == nil {
		links, err := l.links(ctx, v.last.Number, check.Since)
		if err != nil {
			return Report{}, err
		}
		if len(links) == 0 {
			break
		}
		for _, next := range links {
			if v.report.Break, err = v.check(next); err != nil || v.report.Break != nil {
				return v.report, err
			}
		}
	}
	if !v.found {
		v.report.Break = &Break{Seal: v.last.Number, What: "ends a chain that does not contain the hash " + check.Head}
		return v.report, nil
	}
	stray, err := queries.AuditEventWithoutSeal(ctx, l.pool, firstID(check.Since), earlier(check.Since, clockTolerance))
	if err != nil {
		return Report{}, fmt.Errorf("find audit events without a seal: %w", err)
	}
	if len(stray) > 0 {
		v.report.Break = &Break{Event: stray[0], What: "was never sealed: it was added past Portico, or its seal was removed"}
	}
	return v.report, nil
}

func earlier(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-by)
}

// sealed is a seal with the events that are stored of it.
type sealed struct {
	db.AuditSeal

	events map[uuid.UUID]db.AuditEvent
}

// links reads the next seals with their events.
func (l *Log) links(ctx context.Context, after int64, since time.Time) ([]sealed, error) {
	seals, err := queries.AuditSeals(ctx, l.pool, after, since, sealsAtOnce)
	if err != nil {
		return nil, fmt.Errorf("read the seals of the audit log: %w", err)
	}
	var ids []uuid.UUID
	for _, seal := range seals {
		ids = append(ids, seal.EventIds...)
	}
	rows, err := queries.AuditEventsByID(ctx, l.pool, ids)
	if err != nil {
		return nil, fmt.Errorf("read sealed audit events: %w", err)
	}
	events := make(map[uuid.UUID]db.AuditEvent, len(rows))
	for _, row := range rows {
		events[row.ID] = row
	}
	links := make([]sealed, len(seals))
	for i, seal := range seals {
		links[i] = sealed{seal, events}
	}
	return links, nil
}

// verification is a walk along the chain.
type verification struct {
	report Report
	last   db.AuditSeal
	// expected is a hash that the chain must contain, and found whether it was met.
	expected string
	found    bool
}

// check compares a seal with the one before and with its events; nil when all is as it should be.
func (v *verification) check(next sealed) (*Break, error) {
	isFirst := v.report.Seals == 0
	if wrong := v.checkSeal(next.AuditSeal, isFirst); wrong != "" {
		return &Break{Seal: next.Number, What: wrong}, nil
	}
	if isFirst {
		v.report.FirstSeal, v.report.From = next.Number, next.SealedAt
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
		v.found = v.found || hex.EncodeToString(hash) == v.expected
	}
	v.last, v.report.To, v.report.Head = next.AuditSeal, next.SealedAt, hex.EncodeToString(hash)
	v.report.Seals++
	v.report.Events += len(next.EventIds)
	return nil, nil
}

// checkSeal says what is wrong with a seal itself, "" when nothing is.
func (v *verification) checkSeal(next db.AuditSeal, isFirst bool) string {
	switch {
	case len(next.EventIds) == 0 || len(next.EventIds) != len(next.Hashes):
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
