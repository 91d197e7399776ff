package processing

import (
	"context"
	"encoding/json"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
)

// Judge judges what the catalog serves by rules that it does not know, such as whether a run of a template
// can go well.
type Judge struct {
	// Version changes when the same document may be judged differently.
	Version string
	// Remarks judges a document of a kind by that alone. Nil has nothing to say.
	Remarks func(ctx context.Context, kind string, document json.RawMessage) []Remark
}

// Level says how bad something is that keeps nothing from being served.
type Level string

// The levels, as a status shows them.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
)

// Remark is one thing that a Judge says.
type Remark struct {
	Level   Level  `json:"level"`
	Message string `json:"message"`
}

// remarkType is not Backstage's: its clients take what is of that for errors of processing, whose last good
// result is shown.
const remarkType = "portico.dev/remark"

// judge ends processing: it writes the document, and asks the judge about it. The status of an entity is ours
// alone to write.
func (r *run) judge(ctx context.Context, like json.RawMessage) (err error) {
	delete(r.entity, "status")
	r.result.Entity = r.entity
	if r.result.Document, err = entity.Marshal(r.entity, like); err != nil {
		return err
	}
	r.result.Remarks = r.pipeline.Judge.ask(ctx, r.entity.Kind(), r.result.Document)
	return nil
}

// remarked is the document with what the judge says in its status, for who tries it out. What is served is as
// Backstage serves it.
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

// ask takes a judge that panics for one who cannot tell: nothing is kept from being served for that.
func (j Judge) ask(ctx context.Context, kind string, document json.RawMessage) (remarks []Remark) {
	if j.Remarks == nil {
		return nil
	}
	var err error
	defer func() {
		if err != nil {
			remarks = []Remark{{LevelWarning, "This could not be judged: " + err.Error()}}
		}
	}()
	defer fault.Recover(&err)
	return j.Remarks(ctx, kind, document)
}
