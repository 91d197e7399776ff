package audit

import (
	"bytes"
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
			batch, err := next.batch()
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

// Batch is what the log exports of one seal.
type Batch struct {
	// Seal is the number of the seal, and Head its last hash in hexadecimal digits.
	Seal int64
	Head string
	// Lines are the lines of Export.
	Lines []byte
	// Broken says what somebody changed in the seal, nil when nothing. Lines has the events that are left of it,
	// and none if it is not known which hash belongs to which event.
	Broken error
}

// Next is the export of the first seal after the one with a number. found is false when there is none yet.
func (l *Log) Next(ctx context.Context, after int64) (batch Batch, found bool, err error) {
	err = l.snapshot(ctx, func(tx pgx.Tx) error {
		next, err := links(ctx, tx, after+1, math.MaxInt64, 1)
		if err != nil || len(next) == 0 {
			return err
		}
		found = true
		batch, err = next[0].batch()
		return err
	})
	return batch, found, err
}

func (s sealed) batch() (Batch, error) {
	batch := Batch{Seal: s.Number}
	if isMalformed(s.AuditSeal) {
		batch.Broken = s.broken("has not one hash for each event")
		return batch, nil
	}
	var lines bytes.Buffer
	var missing []uuid.UUID
	for i, id := range s.EventIds {
		batch.Head = hex.EncodeToString(s.Hashes[i])
		row, exists := s.events[id]
		if !exists {
			missing = append(missing, id)
			continue
		}
		if err := exportEvent(row, s.Hashes[i], &lines); err != nil {
			return Batch{}, err
		}
	}
	if len(missing) > 0 {
		batch.Broken = s.broken(fmt.Sprintf("lacks the events %s", missing))
	}
	batch.Lines = lines.Bytes()
	return batch, nil
}

// broken says what somebody changed in the seal, and of which day it is.
func (s sealed) broken(what string) error {
	return fmt.Errorf("the audit log was changed: seal %d of %s %s; run portico audit verify", s.Number, s.SealedAt.UTC().Format(time.DateOnly), what)
}

func exportEvent(row db.AuditEvent, hash []byte, out *bytes.Buffer) error {
	content, err := document(row)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s,\"hash\":%q}\n", content[:len(content)-len("}")], hex.EncodeToString(hash))
	return nil
}
