package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/portico-dev/portico/db"
)

// errNotWhole means that an event of a seal is missing, so that an export would be a part that looks like the
// whole.
var errNotWhole = errors.New("an event of the audit log is missing: verify the log")

// Export writes the events that were sealed since a time, in the order of the chain, as JSON lines. A line is
// the document of an event with its hash as the last member. The hash is the SHA-256 of the previous hash (32
// bytes) and of the document without that member. Events that are not sealed yet are in the next export.
func (l *Log) Export(ctx context.Context, since time.Time, out io.Writer) error {
	for after := int64(0); ; {
		links, err := l.links(ctx, after, since)
		if err != nil || len(links) == 0 {
			return err
		}
		for _, next := range links {
			if err := exportSeal(next, out); err != nil {
				return err
			}
			after = next.Number
		}
	}
}

func exportSeal(next sealed, out io.Writer) error {
	for i, id := range next.EventIds {
		row, exists := next.events[id]
		if !exists {
			return fmt.Errorf("seal %d, event %s: %w", next.Number, id, errNotWhole)
		}
		if err := exportEvent(row, next.Hashes[i], out); err != nil {
			return err
		}
	}
	return nil
}

func exportEvent(row db.AuditEvent, hash []byte, out io.Writer) error {
	content, err := document(row)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s,\"hash\":%q}\n", content[:len(content)-len("}")], hex.EncodeToString(hash))
	if err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}
