package api

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/portico-dev/portico/identity"
)

// maxBuckets bounds the callers that are tracked. Those beyond it share one bucket.
const maxBuckets = 10_000

// buckets are token buckets, one for each key, such as an address. Each is full at first and refills within a
// minute. Nil buckets are never empty. It is safe for concurrent use.
type buckets struct {
	perMinute int

	mutex sync.Mutex
	byKey map[string]*bucket
}

type bucket struct {
	*rate.Limiter
	// refused means that the bucket was empty when it was needed, and has not been full since.
	refused bool
}

// newBuckets makes buckets of a size; 0 makes none.
func newBuckets(perMinute int) *buckets {
	if perMinute == 0 {
		return nil
	}
	return &buckets{perMinute: perMinute, byKey: map[string]*bucket{}}
}

// take takes one from the bucket of a key. When there is none, it returns how long to wait for one, and whether
// that is new since the bucket was full.
func (b *buckets) take(key string) (wait time.Duration, isNew bool) {
	if b == nil {
		return 0, false
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	one := b.of(key)
	if one.Allow() {
		return 0, false
	}
	isNew, one.refused = !one.refused, true
	return max(one.wait(), time.Millisecond), isNew
}

// wait is how long to wait until take succeeds.
func (b *buckets) wait(key string) time.Duration {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.of(key).wait()
}

func (b *buckets) of(key string) *bucket {
	one, known := b.byKey[key]
	if !known {
		if len(b.byKey) >= maxBuckets {
			b.forget()
		}
		if len(b.byKey) >= maxBuckets {
			key = ""
		}
		if one, known = b.byKey[key]; !known {
			one = &bucket{Limiter: rate.NewLimiter(rate.Every(time.Minute/time.Duration(b.perMinute)), b.perMinute)}
			b.byKey[key] = one
		}
	}
	one.refused = one.refused && !one.isFull()
	return one
}

// forget drops the full buckets: they are as good as new ones.
func (b *buckets) forget() {
	for key, one := range b.byKey {
		if one.isFull() {
			delete(b.byKey, key)
		}
	}
}

func (b *bucket) isFull() bool { return b.Tokens() >= float64(b.Burst()) }

func (b *bucket) wait() time.Duration {
	missing := 1 - b.Tokens()
	return max(0, time.Duration(missing/float64(b.Limit())*float64(time.Second)))
}

// Limits are how many requests are served in a minute, in bursts of as many. 0 serves any number.
type Limits struct {
	// User is for each user, and Service for each name of a machine's token.
	User, Service int
	// SignIn is for the sign-ins and renewed sessions of one address.
	SignIn int
}

// limits counts the requests of callers.
type limits struct {
	callers map[identity.Kind]*buckets
	signIns *buckets
}

func newLimits(of Limits) limits {
	return limits{signIns: newBuckets(of.SignIn), callers: map[identity.Kind]*buckets{
		identity.KindUser: newBuckets(of.User), identity.KindService: newBuckets(of.Service)}}
}

// caller refuses a caller who has sent too many requests.
func (l limits) caller(who identity.Principal) error {
	if wait, _ := l.callers[who.Kind].take(who.Subject); wait > 0 {
		return tooManyRequests(wait, "You have sent too many requests. Try again later")
	}
	return nil
}

// signIn refuses an address that has signed in too often.
func (l limits) signIn(r *http.Request) error {
	if wait, _ := l.signIns.take(sourceAddress(r)); wait > 0 {
		return tooManyRequests(wait, "Too many sign-ins came from your address. Try again later")
	}
	return nil
}
