package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
)

// errNotWhole means that an event of a seal is missing, so that an export would be a part that looks like the
// whole.
var errNotWhole = errors.New("an event of the audit log is missing: verify the log")

// Export writes the events of a span, in the order of the chain, as JSON lines. A line is the document of an
// event with its hash as the last member. The hash is the SHA-256 of the previous hash (32 bytes) and of the
// document without that member. Events that are not sealed yet are in the next export.
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
			if len(batch.Missing) > 0 {
				return fmt.Errorf("seal %d, event %s: %w", batch.Seal, batch.Missing[0], errNotWhole)
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
	// Missing are events of the seal that do not exist any more: the log was changed.
	Missing []uuid.UUID
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
	var lines bytes.Buffer
	for i, id := range s.EventIds {
		batch.Head = hex.EncodeToString(s.Hashes[i])
		row, exists := s.events[id]
		if !exists {
			batch.Missing = append(batch.Missing, id)
			continue
		}
		if err := exportEvent(row, s.Hashes[i], &lines); err != nil {
			return Batch{}, err
		}
	}
	batch.Lines = lines.Bytes()
	return batch, nil
}

func exportEvent(row db.AuditEvent, hash []byte, out *bytes.Buffer) error {
	content, err := document(row)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s,\"hash\":%q}\n", content[:len(content)-len("}")], hex.EncodeToString(hash))
	return nil
}
