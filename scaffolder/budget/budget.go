// Package budget bounds the memory that the rendering of templates takes: a Pool for a process, an Account
// for what is rendered together, which is a step, a dry run or a file of a skeleton. It counts what it is
// told; what values cost is known where they are made, in package scaffolder/nunjucks.
package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/portico-dev/portico/fault"
)

// Limits bounds a Pool. A field that is zero takes its value from DefaultLimits.
type Limits struct {
	// Process is how many bytes all accounts may take together, Account how many one may. Process is at least
	// Account.
	Process, Account int
	// Waiting is how many accounts may wait for their share at once.
	Waiting int
}

// DefaultLimits leave a process with 1 GiB room for everything else that it does.
var DefaultLimits = Limits{Process: 512 << 20, Account: 256 << 20, Waiting: 64}

// Unasked is what an account may take without a share of the pool: nearly all do with less.
const Unasked = 1 << 20

// Pool is the memory of a process. It is handed out in whole shares, each as large as an account may become,
// so that whoever has one never waits for more.
type Pool struct {
	limits Limits
	// shares has an element for each share that is taken.
	shares  chan struct{}
	waiting atomic.Int64
}

// NewPool makes a pool.
func NewPool(limits Limits) *Pool {
	if limits.Process <= 0 {
		limits.Process = DefaultLimits.Process
	}
	if limits.Account <= 0 {
		limits.Account = DefaultLimits.Account
	}
	if limits.Waiting <= 0 {
		limits.Waiting = DefaultLimits.Waiting
	}
	return &Pool{limits: limits, shares: make(chan struct{}, max(limits.Process/limits.Account, 1))}
}

// Account is the memory of what is rendered together. It is safe for concurrent use. The nil account has no
// limit.
type Account struct {
	pool *Pool
	// mutex is held while the account waits: who else takes from it has to wait as well.
	mutex sync.Mutex
	taken int
	// share says that the account has a share of the pool.
	share bool
	err   error
}

// Open makes an account. The caller closes it when what it counts is no longer needed. A nil pool opens nil
// accounts.
func (p *Pool) Open() *Account {
	if p == nil {
		return nil
	}
	return &Account{pool: p}
}

// ErrExhausted says that an account would take more than it may. It is the fault of what is rendered.
var ErrExhausted = errors.New("the limit of memory is reached")

// Take counts bytes that are about to be made. Beyond what needs no asking it waits for a share. An error is
// a fault: of kind Input and ErrExhausted when the account would grow too large, of kind Unavailable when too
// many are waiting already, or that of the context. After an error the account gives nothing more.
func (a *Account) Take(ctx context.Context, bytes int) error {
	if a == nil {
		return nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.err != nil {
		return a.err
	}
	if bytes > a.pool.limits.Account-a.taken {
		a.err = fault.Wrap(fault.Input, ErrExhausted,
			"What is rendered takes more memory than the %s that portico.run.memory.evaluationMiB allows", size(a.pool.limits.Account))
		return a.err
	}
	if a.taken += bytes; a.taken > Unasked && !a.share {
		a.err = a.pool.acquire(ctx)
		a.share = a.err == nil
	}
	return a.err
}

// Give counts bytes back that are no longer needed.
func (a *Account) Give(bytes int) {
	if a == nil {
		return
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.taken -= bytes
}

// Taken is how many bytes the account counts.
func (a *Account) Taken() int {
	if a == nil {
		return 0
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.taken
}

// Err is why the account gives nothing more, nil while it does.
func (a *Account) Err() error {
	if a == nil {
		return nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.err
}

// Close gives everything back.
func (a *Account) Close() {
	if a == nil {
		return
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.share {
		a.share = false
		<-a.pool.shares
	}
}

// acquire waits for a share.
func (p *Pool) acquire(ctx context.Context) error {
	select {
	case p.shares <- struct{}{}:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > int64(p.limits.Waiting) {
		return fault.New(fault.Unavailable,
			"Too many templates that need much memory are being rendered at once: try again later, or raise portico.run.memory")
	}
	select {
	case p.shares <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for memory to render in: %w", context.Cause(ctx))
	}
}

// size is a number of bytes for people.
func size(bytes int) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

type accountKey struct{}

// Enter opens an account for what is rendered under the returned context, unless the context has one already,
// from which it takes then. The caller calls leave when what was rendered is no longer needed.
func (p *Pool) Enter(ctx context.Context) (entered context.Context, leave func()) {
	if p == nil || Of(ctx) != nil {
		return ctx, func() {}
	}
	account := p.Open()
	return With(ctx, account), account.Close
}

// With gives a context an account, from which everything rendered under it takes.
func With(ctx context.Context, account *Account) context.Context {
	return context.WithValue(ctx, accountKey{}, account)
}

// Of is a context's account, nil when it has none.
func Of(ctx context.Context) *Account {
	account, _ := ctx.Value(accountKey{}).(*Account)
	return account
}
