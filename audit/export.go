package audit

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
)

// Export writes the events of a span, in the order of the chain, as JSON lines. A line is the document of an
// event with its hash as the last member. The hash is the SHA-256 of the previous hash (32 bytes) and of the
// document without that member. Events that are not sealed yet are in the next export. It ends with an error at
// a seal that somebody changed: a part would look like the whole.
func (l *Log) Export(ctx context.Context, span Span, out io.Writer) error {
	return l.snapshot(ctx, func(tx pgx.Tx) error {
		for next, err := range seals(ctx, tx, span) {
			if err != nil {
				return err
			}
			batch, err := next.batch(0, math.MaxInt)
			if err != nil {
				return err
			}
			if batch.Broken != nil {
				return batch.Broken
			}
			if _, err := out.Write(batch.Lines); err != nil {
				return fmt.Errorf("write the export: %w", err)
			}
		}
		return nil
	})
}

// Position is how far a reader of the log is: it has all seals up to Seal, and so many Events of the one after it.
type Position struct {
	Seal   int64
	Events int
}

// Batch is what the log exports of one seal, or of a part of it.
type Batch struct {
	// Seal is the number of the seal.
	Seal int64
	// Lines are the lines of Export, and Head is the last hash in them, in hexadecimal digits.
	Lines []byte
	Head  string
	// End is the position after the batch.
	End Position
	// Broken says what somebody changed in the seal, nil when nothing. Lines has the events that are left of it,
	// and none if it is not known which hash belongs to which event.
	Broken error
}

// Next is the export of the first seal after a position, in bytes at most so many: the rest of the seal is in the next
// batch. A larger event is a batch of its own. found is false when there is none yet.
func (l *Log) Next(ctx context.Context, after Position, most int) (batch Batch, found bool, err error) {
	err = l.snapshot(ctx, func(tx pgx.Tx) error {
		next, err := links(ctx, tx, after.Seal+1, math.MaxInt64, 1)
		if err != nil || len(next) == 0 {
			return err
		}
		found = true
		if next[0].Number != after.Seal+1 { // the seal of which it has some events was deleted
			after.Events = 0
		}
		batch, err = next[0].batch(after.Events, most)
		return err
	})
	return batch, found, err
}

// batch is the export of the events after the first ones, in at most so many bytes, but at least one event.
func (s sealed) batch(after, most int) (Batch, error) {
	batch := Batch{Seal: s.Number, End: Position{Seal: s.Number}}
	if isMalformed(s.AuditSeal) {
		batch.Broken = s.broken("has not one hash for each event")
		return batch, nil
	}
	var missing []uuid.UUID
	for i := after; i < len(s.EventIds); i++ {
		row, exists := s.events[s.EventIds[i]]
		if !exists {
			missing = append(missing, s.EventIds[i])
			continue
		}
		hash := hex.EncodeToString(s.Hashes[i])
		line, err := exportLine(row, hash)
		if err != nil {
			return Batch{}, err
		}
		if len(batch.Lines) > 0 && len(batch.Lines)+len(line) > most {
			batch.End = Position{Seal: s.Number - 1, Events: i}
			break
		}
		batch.Lines, batch.Head = append(batch.Lines, line...), hash
	}
	if len(missing) > 0 {
		batch.Broken = s.broken(fmt.Sprintf("lacks the events %s", missing))
	}
	return batch, nil
}

// broken says what somebody changed in the seal, and of which day it is.
func (s sealed) broken(what string) error {
	return fmt.Errorf("the audit log was changed: seal %d of %s %s; run portico audit verify", s.Number, s.SealedAt.UTC().Format(time.DateOnly), what)
}

// exportLine is the line of an event.
func exportLine(row db.AuditEvent, hash string) ([]byte, error) {
	content, err := document(row)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(content[:len(content)-len("}")], ",\"hash\":%q}\n", hash), nil
}
