package actiontest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// createNote is a minimal action with an effect: it creates a note on a board.
type createNote struct{ board string }

// noteInput is the input of note:create.
type noteInput struct {
	Name string `json:"name"`
}

func (createNote) Describe() action.Description {
	return action.Description{
		ID: "note:create", Description: "Pins a note to the board.", Undoes: "Takes the note off the board.",
		InputSchema:  json.RawMessage(`{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}`),
		OutputSchema: json.RawMessage(`{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}`),
		Examples: []action.Example{{Description: "Remind the team", Example: `steps:
  - id: remind
    name: Remind the team
    action: note:create
    input:
      name: party
`}},
	}
}

func (a createNote) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input noteInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	made, _, err := resource.Ensure(ctx, call, a.note(input.Name))
	if err != nil {
		return nil, err
	}
	return action.Output{"id": made.ID}, nil
}

func (a createNote) Undo(ctx context.Context, call *action.UndoCall) error {
	return resource.Remove(ctx, call, a.note(call.Effect.Name))
}

func (a createNote) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	var input noteInput
	if err := call.Decode(&input); err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, a.note(input.Name), "pin the note "+input.Name+" to the board")
}

// note finds, creates and deletes a note.
func (a createNote) note(name string) resource.Spec[note] {
	found := func(n note) *resource.Found[note] {
		return &resource.Found[note]{Thing: n, ID: n.ID, MadeFor: func(effect action.Effect) bool { return n.Mark == effect.ID }}
	}
	return resource.Spec[note]{
		Intent: action.Intent{Kind: "note", Name: name},
		Title:  "the note " + name,
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[note], error) {
			var n note
			if status, err := a.request(ctx, http.MethodGet, name, nil, &n); err != nil || status == http.StatusNotFound {
				return nil, err
			}
			return found(n), nil
		},
		Create: func(ctx context.Context, effect action.Effect) (*resource.Found[note], error) {
			var n note
			status, err := a.request(ctx, http.MethodPost, name, note{Mark: effect.ID}, &n)
			if status == http.StatusConflict {
				return nil, resource.ErrExist
			}
			return found(n), err
		},
		Delete: func(ctx context.Context, n note) error {
			status, err := a.request(ctx, http.MethodDelete, n.Name, nil, nil)
			if status == http.StatusNotFound {
				return resource.ErrNotExist
			}
			return err
		},
		Used: func(_ context.Context, _ action.Effect, n note) (string, error) {
			if n.Comments > 0 {
				return "it has comments", nil
			}
			return "", nil
		},
	}
}

// dropNote takes a note off the board, which nobody can undo.
type dropNote struct {
	createNote

	// forgets says that its rollback claims to have undone it.
	forgets bool
}

func (dropNote) Describe() action.Description {
	described := createNote{}.Describe()
	described.Undoes, described.OutputSchema = "Brings nothing back.", nil
	return described
}

func (a dropNote) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input noteInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	spec := a.note(input.Name)
	find := spec.Find
	dropped := &resource.Found[note]{MadeFor: func(action.Effect) bool { return true }}
	spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[note], error) {
		if there, err := find(ctx, effect); err != nil || there != nil || effect.Fresh {
			return nil, err
		}
		return dropped, nil
	}
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[note], error) {
		return dropped, spec.Delete(ctx, note{Name: input.Name})
	}
	_, _, err := resource.Ensure(ctx, call, spec)
	return nil, err
}

func (a dropNote) Undo(ctx context.Context, call *action.UndoCall) error {
	there, err := a.note(call.Effect.Name).Find(ctx, call.Effect)
	if err != nil || a.forgets || call.Effect.State == action.EffectIntended && there != nil {
		return err
	}
	return &action.InUseError{Reason: "The note " + call.Effect.Name + " was taken off the board."}
}

func (a dropNote) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	var input noteInput
	err := call.Decode(&input)
	return action.Plan{Summary: "take the note off", Creates: []action.PlannedEffect{{Kind: "note", Name: input.Name}}}, err
}

// request sends a request to the board and decodes the response.
func (a createNote) request(ctx context.Context, method, name string, body, answer any) (status int, err error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, method, a.board+"/notes/"+name, bytes.NewReader(encoded))
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, action.Transient(err, 0)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusInternalServerError {
		return response.StatusCode, action.Transient(fmt.Errorf("%s %s: status %d", method, name, response.StatusCode), 0)
	}
	if answer == nil || response.StatusCode >= http.StatusBadRequest {
		return response.StatusCode, nil
	}
	return response.StatusCode, json.NewDecoder(response.Body).Decode(answer)
}
