package diagrams

import (
	"container/list"
	"sync"
)

// pictures keeps those that were used last, up to a number of bytes. It is safe for concurrent use.
type pictures struct {
	most int

	mutex sync.Mutex
	size  int
	order *list.List // of *picture, the last used first
	by    map[string]*list.Element
}

type picture struct {
	key     string
	content []byte
}

func newPictures(most int) *pictures {
	return &pictures{most: most, order: list.New(), by: map[string]*list.Element{}}
}

func pictureOf(element *list.Element) *picture {
	found, _ := element.Value.(*picture) // nothing else is in the list
	return found
}

// get is nil for a picture that is not kept.
func (p *pictures) get(key string) []byte {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	element := p.by[key]
	if element == nil {
		return nil
	}
	p.order.MoveToFront(element)
	return pictureOf(element).content
}

func (p *pictures) put(key string, content []byte) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.by[key] != nil || len(content) > p.most {
		return
	}
	p.by[key] = p.order.PushFront(&picture{key, content})
	p.size += len(content)
	for p.size > p.most {
		last := p.order.Back()
		p.order.Remove(last)
		delete(p.by, pictureOf(last).key)
		p.size -= len(pictureOf(last).content)
	}
}
