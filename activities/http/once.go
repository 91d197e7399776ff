package http

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

const (
	// effectKind is the kind of effect that a request with an undo has.
	effectKind = "http:request"
	// idempotencyHeader is the header by which a server knows a request that is sent again.
	idempotencyHeader = "Idempotency-Key"
)

// record is what the ledger keeps for a rollback.
type record struct {
	Undo requestInput `json:"undo"`
	Find *findInput   `json:"find,omitempty"`
	// Lacks is a field that the undo names and the answer did not have.
	Lacks string `json:"lacks,omitempty"`
}

// digest is a short name for a list of texts.
func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func (s *step) effectName() string { return s.method + " " + s.place }

func (s *step) effectKey() string { return s.stepID + "/" + s.iteration + "/" + effectKind }

// once sends a request that can be taken back. An attempt that finds the effect of an earlier one looks for what that
// has made (find), or sends the request again with the same Idempotency-Key.
func (s *step) once(ctx context.Context, call *action.Call) (action.Output, error) {
	effects, err := call.Ledger.Effects(ctx)
	if err != nil {
		return nil, ledgerError(err)
	}
	state := action.EffectUndone
	if i := slices.IndexFunc(effects, func(e action.Effect) bool { return e.Key == s.effectKey() }); i >= 0 {
		state = effects[i].State
	}
	// Looked for before the intent is recorded, what is there belongs to somebody else.
	found, err := s.find(ctx, s.Find)
	if err != nil {
		return nil, err
	}
	effect, err := call.Ledger.Intend(ctx, action.Intent{Kind: effectKind, Name: s.effectName(), Key: s.effectKey(), Data: record{Undo: *s.Undo, Find: s.Find}})
	if err != nil {
		return nil, ledgerError(err)
	}
	if s.header.Get(idempotencyHeader) == "" {
		s.header.Set(idempotencyHeader, digest(effect.ID, strconv.FormatInt(effect.IntendedAt.UnixMicro(), 10)))
	}
	switch {
	case found != nil && state == action.EffectUndone:
		return nil, s.abandon(ctx, call, effect, action.Advise(fault.New(fault.Conflict, "What %s makes exists already, and this run did not create it. It was left untouched.", s.effectName()),
			"Start a new run with another name, or delete or rename what is there and retry."))
	case found == nil && state == action.EffectCreated && s.Find != nil:
		return nil, action.Advise(fault.New(fault.Conflict, "What %s made, in an earlier attempt of this step, is gone.", s.effectName()), "Roll the run back, then retry it.")
	case found == nil:
		if found, err = s.ask(ctx); err != nil {
			return nil, s.abandon(ctx, call, effect, err)
		}
	default:
		s.log.Info("It is there already: an earlier attempt has made it")
	}
	if found.isRefusal() { // the step continues
		return s.outputAfter(found, s.abandon(ctx, call, effect, nil))
	}
	return s.outputAfter(found, s.confirm(ctx, call, effect, found))
}

// outputAfter is the output, unless something failed.
func (s *step) outputAfter(found *answer, err error) (action.Output, error) {
	if err != nil {
		return nil, err
	}
	if s.Find != nil && !found.isRefusal() {
		found.code, found.header = http.StatusOK, http.Header{}
		if found.body, err = s.Find.only(found.body); err != nil {
			return nil, err
		}
	}
	return s.output(found)
}

// only is what find would have found of an answer: nothing besides the wrapped thing.
func (f *findInput) only(body json.RawMessage) (json.RawMessage, error) {
	value, err := nunjucks.DecodeJSON(body)
	if err != nil {
		return nil, action.Final(fmt.Errorf("the answer: %w", err))
	}
	thing, isThere := at(value, f.Wrap).(*nunjucks.Object)
	if f.Wrap == "" || !isThere {
		return body, nil
	}
	wrapped := nunjucks.NewObject()
	wrapped.Set(f.Wrap, thing)
	return nunjucks.EncodeJSON(wrapped)
}

// abandon closes the effect, because nothing was made. It returns the cause. One that does not say so leaves it open.
func (s *step) abandon(ctx context.Context, call *action.Call, effect action.Effect, cause error) error {
	if _, wasCarriedOut := errors.AsType[*unreadable](cause); wasCarriedOut {
		return cause
	}
	if cause != nil && (ctx.Err() != nil || action.IsTransient(cause) || !effect.Fresh && s.Find == nil) {
		return cause
	}
	note := "the server refused the request"
	if cause != nil {
		note = cause.Error()
	}
	if err := call.Ledger.Abandon(ctx, effect.ID, note); err != nil {
		return ledgerError(err)
	}
	return cause
}

// confirm records that the request was carried out, with an undo in which the answer is filled in.
func (s *step) confirm(ctx context.Context, call *action.Call, effect action.Effect, found *answer) error {
	kept := record{Undo: *s.Undo, Find: s.Find}
	var err error
	if kept.Undo, kept.Lacks, err = filled(*s.Undo, found); err != nil {
		return err
	}
	if kept.Lacks != "" {
		s.log.Warn("The answer has no %s, which the input undo names: a rollback cannot take this back", kept.Lacks)
	}
	if err := call.Ledger.Confirm(ctx, effect.ID, action.Confirmation{Data: kept}); err != nil {
		return ledgerError(err)
	}
	return nil
}

// ledgerError is a failure of the ledger, which is transient.
func ledgerError(err error) error {
	return action.Transient(fmt.Errorf("effects ledger: %w", err), 0)
}

// takeBack sends the undo of an effect.
func (a *request) takeBack(ctx context.Context, call *action.UndoCall) error {
	c := &caller{Options: &a.Options, run: call.RunID, starter: call.Starter, log: call.Log, timeout: defaultTimeout}
	var kept record
	if err := json.Unmarshal(call.Effect.Data, &kept); err != nil || kept.Undo.Path == "" {
		return action.Final(fmt.Errorf("effect %s %q: its record has no request to undo it", call.Effect.ID, call.Effect.Name))
	}
	if call.Effect.State == action.EffectIntended {
		found, err := c.findMade(ctx, call, kept)
		if err != nil || found == nil {
			return err
		}
		if kept.Undo, kept.Lacks, err = filled(kept.Undo, found); err != nil {
			return err
		}
	}
	if kept.Lacks != "" {
		return action.Advise(fault.New(fault.NotFound, "%s cannot be taken back: its answer had no %s, which the input undo names", call.Effect.Name, kept.Lacks),
			"Take it back yourself, and correct the undo of the template's step.")
	}
	undo, err := c.prepare(kept.Undo, http.MethodDelete)
	if err != nil {
		return err
	}
	undo.header.Set(idempotencyHeader, digest("undo", call.Effect.ID))
	got, err := c.send(ctx, undo)
	if err != nil {
		return err
	}
	return c.undone(ctx, got, undo, kept.Find)
}

// findMade looks for what an attempt has made that ended before it knew. It is nil when there is nothing.
func (c *caller) findMade(ctx context.Context, call *action.UndoCall, kept record) (*answer, error) {
	if kept.Find == nil {
		return nil, action.Advise(fault.New(fault.NotAllowed, "Nobody knows whether %s was carried out: its answer was lost", call.Effect.Name),
			"Look at the server, and take it back yourself if it was. An input find in the template's step would let Portico look.")
	}
	found, err := c.find(ctx, kept.Find)
	if err == nil && found == nil {
		call.Log.Info("%s was not carried out", call.Effect.Name)
	}
	return found, err
}

// undone reads the answer to an undo. A refusal is no failure where find shows that the thing is gone.
func (c *caller) undone(ctx context.Context, got *answer, undo prepared, how *findInput) error {
	switch {
	case !got.isRefusal():
		c.log.Info("Sent %s %s, which was answered %d", undo.method, undo.place, got.code)
		return nil
	case got.code == http.StatusNotFound || got.code == http.StatusGone:
		c.log.Info("%s is not there any more", undo.place)
		return nil
	case how != nil && got.code < http.StatusInternalServerError:
		found, err := c.find(ctx, how)
		if err != nil {
			return err
		}
		if found == nil {
			c.log.Info("%s was answered %d, and what it takes back is not there any more", undo.place, got.code)
			return nil
		}
	}
	return refusedOther(got, undo)
}

// refusedOther is the error for a refused undo or find.
func refusedOther(got *answer, p prepared) error {
	err := fmt.Errorf("%s %s was answered %d: %s", p.method, p.place, got.code, got.excerpt())
	wait, asked := integration.RetryAfter(got.header)
	if asked || got.code == http.StatusTooManyRequests || got.code >= http.StatusInternalServerError {
		return action.Transient(err, wait)
	}
	return action.Advise(action.Refuse(fault.NotAllowed, err), "Look at the server and at its endpoint of the proxy, then try again.")
}

// find looks for a thing. It is nil when there is none, or nothing to look for.
func (c *caller) find(ctx context.Context, how *findInput) (*answer, error) {
	if how == nil {
		return nil, nil
	}
	looking, err := c.prepare(how.requestInput, http.MethodGet)
	if err != nil {
		return nil, err
	}
	got, err := c.send(ctx, looking)
	switch {
	case err != nil:
		return nil, err
	case got.code == http.StatusNotFound:
		return nil, nil
	case got.isRefusal():
		return nil, refusedOther(got, looking)
	}
	thing, err := how.choose(got.body)
	if err != nil || thing == nil {
		return nil, err
	}
	return &answer{code: http.StatusOK, header: http.Header{}, body: thing}, nil
}

// choose returns the thing that matches, as JSON, nil when none does.
func (f *findInput) choose(body json.RawMessage) (json.RawMessage, error) {
	value, err := nunjucks.DecodeJSON(body)
	if err != nil {
		return nil, action.Final(fmt.Errorf("the answer to find: %w", err))
	}
	if f.List != "" {
		value = at(value, f.List)
	}
	things := []nunjucks.Value{value}
	if list, isList := value.(*nunjucks.Array); isList {
		things = list.Items
	}
	for _, thing := range things {
		object, isObject := thing.(*nunjucks.Object)
		if !isObject || f.Match.missingIn(object) != "" {
			continue
		}
		if f.Wrap != "" {
			wrapped := nunjucks.NewObject()
			wrapped.Set(f.Wrap, thing)
			object = wrapped
		}
		return nunjucks.EncodeJSON(object)
	}
	return nil, nil
}

// missingIn is a field that a value does not have, "" when it has all.
func (f fields) missingIn(value nunjucks.Value) string {
	for _, path := range slices.Sorted(maps.Keys(f)) {
		want, err := nunjucks.DecodeJSON(f[path])
		if err != nil || textOf(at(value, path)) != textOf(want) {
			return path
		}
	}
	return ""
}

// missing is missingIn for JSON.
func (f fields) missing(body json.RawMessage) (string, error) {
	if len(f) == 0 {
		return "", nil
	}
	value, err := nunjucks.DecodeJSON(body)
	if err != nil {
		return "", action.Final(fmt.Errorf("the answer: %w", err))
	}
	return f.missingIn(value), nil
}

// at is the value at keys with dots between them. Undefined stands for none.
func at(value nunjucks.Value, path string) nunjucks.Value {
	for key := range strings.SplitSeq(path, ".") {
		if list, isList := value.(*nunjucks.Array); isList {
			n, err := strconv.Atoi(key)
			if err != nil || n < 0 || n >= len(list.Items) {
				return nunjucks.Undefined
			}
			value = list.Items[n]
			continue
		}
		object, isObject := value.(*nunjucks.Object)
		if !isObject {
			return nunjucks.Undefined
		}
		value, _ = object.Get(key)
	}
	return value
}
