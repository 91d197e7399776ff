package processing

import (
	"context"
	"encoding/json"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
)

// Linter checks entities by rules that this package does not know, such as whether a template can run.
type Linter struct {
	// Version changes when the rules change, so that unchanged documents are checked again.
	Version string
	// Remarks checks a document of a kind, without any other input. A nil function has no remarks.
	Remarks func(ctx context.Context, kind string, document json.RawMessage) []Remark
}

// Level is the severity of a remark. No remark keeps an entity from being served.
type Level string

// The levels, as statuses show them.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
)

// Remark is one finding of a Linter.
type Remark struct {
	Level   Level  `json:"level"`
	Message string `json:"message"`
}

// remarkType is our own: Backstage's clients show status items of its type as processing errors.
const remarkType = "portico.dev/remark"

// finish is the last step of processing: it writes the document and calls the linter. It drops a status that
// the author wrote, because only Portico writes the status.
func (r *run) finish(ctx context.Context) (err error) {
	delete(r.entity, "status")
	r.result.Entity = r.entity
	if r.result.Document, err = r.order.Marshal(r.entity); err != nil {
		return err
	}
	r.result.Remarks = r.pipeline.Linter.ask(ctx, r.entity.Kind(), r.result.Document)
	return nil
}

// remarked returns the document with the remarks in its status, for dry runs and validation. Served entities
// have Backstage's status only.
func (r Result) remarked() (json.RawMessage, error) {
	if len(r.Remarks) == 0 {
		return r.Document, nil
	}
	items := make([]any, len(r.Remarks))
	for i, remark := range r.Remarks {
		items[i] = statusItem(remarkType, remark.Level, failure(fault.Input, "%s", remark.Message))
	}
	shown := r.Entity.Clone()
	shown["status"] = map[string]any{"items": items}
	return entity.Marshal(shown, r.Document)
}

// ask recovers from a linter that panics: the entity is served, and the remarks say that the check failed.
func (l Linter) ask(ctx context.Context, kind string, document json.RawMessage) (remarks []Remark) {
	if l.Remarks == nil {
		return nil
	}
	var err error
	defer func() {
		if err != nil {
			remarks = []Remark{{LevelWarning, "The document could not be checked: " + err.Error()}}
		}
	}()
	defer fault.Recover(&err)
	return l.Remarks(ctx, kind, document)
}
