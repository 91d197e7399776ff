// Package garbage bounds the memory that Go's collector leaves to garbage before it collects. A fixed percentage of what is alive takes little
// of a small heap and very much of a large one.
package garbage

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// least is Go's own percentage, below which it is not set: a collection costs time for what is alive.
const least = 100

// Hold lets garbage be as many percent of what is alive, and not more than a number of bytes, unless that is less than Go's own 100 percent. It
// counts for the process, from now on.
func Hold(percent int, most uint64) {
	h := &holder{percent: percent, most: most, current: percent}
	debug.SetGCPercent(percent)
	runtime.SetFinalizer(&afterCollection{h}, collected)
}

type holder struct {
	percent int
	most    uint64
	current int
}

// afterCollection is found dead by each collection, and then left for the next one.
type afterCollection struct{ holder *holder }

func collected(a *afterCollection) {
	a.holder.adjust(alive())
	runtime.SetFinalizer(a, collected)
}

// alive is what the last collection found alive, in bytes.
func alive() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// adjust sets the percentage for what is alive. A small difference is not worth stopping the process for a moment.
func (h *holder) adjust(alive uint64) {
	wanted := percentFor(alive, h.percent, h.most)
	if difference := wanted - h.current; max(difference, -difference) <= h.current/10 {
		return
	}
	h.current = wanted
	debug.SetGCPercent(wanted)
}

func percentFor(alive uint64, percent int, most uint64) int {
	if alive == 0 {
		return percent
	}
	return max(least, min(percent, int(most*100/alive)))
}
