package proxy

import (
	"context"
	"errors"
	"io"
	"time"
)

// errSilent is why an answer is given up in the midst of it.
var errSilent = errors.New("the target said nothing more for too long")

// patient reads a body of any length, and gives up when the target is silent for too long.
type patient struct {
	body    io.ReadCloser
	silence time.Duration
	timer   *time.Timer
	ctx     context.Context //nolint:containedctx // the request's own, whose end is the body's
	cancel  context.CancelCauseFunc
}

func newPatient(ctx context.Context, body io.ReadCloser, silence time.Duration, cancel context.CancelCauseFunc) *patient {
	return &patient{body: body, silence: silence, ctx: ctx, cancel: cancel,
		timer: time.AfterFunc(silence, func() { cancel(errSilent) })}
}

// Read implements io.Reader.
func (p *patient) Read(into []byte) (int, error) {
	n, err := p.body.Read(into)
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(p.ctx), errSilent) {
		return n, errSilent
	}
	p.timer.Reset(p.silence)
	return n, err
}

// Close implements io.Closer.
func (p *patient) Close() error {
	p.timer.Stop()
	err := p.body.Close()
	p.cancel(nil)
	return err
}
