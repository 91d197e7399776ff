// Package budget bounds the memory of rendering templates. A Pool is the memory of a process, an Account that
// of one step, dry run or file of a skeleton. It counts the bytes that its callers report: package
// scaffolder/nunjucks knows the sizes of values.
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
	// Process bounds the bytes of all accounts together, Account those of one. Process is at least Account.
	Process, Account int
	// Waiting bounds how many accounts may wait for a share at once.
	Waiting int
}

// DefaultLimits suit a process with 1 GiB: they leave room for its other work.
var DefaultLimits = Limits{Process: 512 << 20, Account: 256 << 20, Waiting: 64}

// FreeBytes is how much an account may take without a share of the pool. Nearly all accounts need less.
const FreeBytes = 1 << 20

// Pool is the memory of a process. It is divided into shares as large as an account may become, so that an
// account with a share never waits for more.
type Pool struct {
	limits Limits
	// shares has an element for each share in use.
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

// Account is the memory of renderings whose results are needed together. It is safe for concurrent use. The
// nil account has no limit.
type Account struct {
	pool *Pool
	// mutex is held while the account waits, so that its other users wait as well.
	mutex sync.Mutex
	used  int
	// share is true when the account has a share of the pool.
	share bool
	err   error
}

// Open makes an account. The caller closes it when the memory that it counts is no longer needed. A nil pool
// opens nil accounts.
func (p *Pool) Open() *Account {
	if p == nil {
		return nil
	}
	return &Account{pool: p}
}

// ErrExhausted says that an account would exceed its limit. The cause is the template or its data.
var ErrExhausted = errors.New("the limit of memory is reached")

// Acquire counts bytes that are about to be allocated. Beyond FreeBytes it waits for a share. The error is
// ErrExhausted, of kind fault.Input, when the account would grow too large; of kind fault.Unavailable when
// too many accounts are waiting; or that of the context. After an error every further Acquire fails.
func (a *Account) Acquire(ctx context.Context, bytes int) error {
	if a == nil {
		return nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.err != nil {
		return a.err
	}
	if bytes > a.pool.limits.Account-a.used {
		a.err = fault.Wrap(fault.Input, ErrExhausted,
			"What is rendered takes more memory than the %s that portico.run.memory.evaluationMiB allows", size(a.pool.limits.Account))
		return a.err
	}
	if a.used += bytes; a.used > FreeBytes && !a.share {
		a.err = a.pool.acquire(ctx)
		a.share = a.err == nil
	}
	return a.err
}

// Release returns bytes that are no longer needed.
func (a *Account) Release(bytes int) {
	if a == nil {
		return
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.used -= bytes
}

// Used returns how many bytes the account counts.
func (a *Account) Used() int {
	if a == nil {
		return 0
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.used
}

// Err returns the error that made Acquire fail, nil if it has not failed.
func (a *Account) Err() error {
	if a == nil {
		return nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.err
}

// Close returns all memory to the pool.
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
		return fmt.Errorf("waiting for rendering memory: %w", context.Cause(ctx))
	}
}

// size formats a number of bytes for messages.
func size(bytes int) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

type accountKey struct{}

// Enter opens an account for all renderings under the returned context, unless the context already has one.
// The caller calls leave when the results are no longer needed.
func (p *Pool) Enter(ctx context.Context) (entered context.Context, leave func()) {
	if p == nil || Of(ctx) != nil {
		return ctx, func() {}
	}
	account := p.Open()
	return With(ctx, account), account.Close
}

// With adds an account to a context. All renderings under it take their memory from the account.
func With(ctx context.Context, account *Account) context.Context {
	return context.WithValue(ctx, accountKey{}, account)
}

// Of returns a context's account, nil when it has none.
func Of(ctx context.Context) *Account {
	account, _ := ctx.Value(accountKey{}).(*Account)
	return account
}
