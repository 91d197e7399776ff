package fetch

import "bytes"

// Only the first sniffBytes bytes of a file decide; reserveBytes more complete a character that is cut off
// there.
const (
	sniffBytes   = 512
	reserveBytes = 3
)

// textMarks are the byte order marks that make a file text: UTF-8, UTF-32 in both orders, GB 18030, UTF-16 in
// both orders. The mark of UTF-32 begins with zeros, and that of UTF-16 little-endian is the beginning of
// UTF-32's.
var textMarks = [][]byte{
	{0xef, 0xbb, 0xbf}, {0x00, 0x00, 0xfe, 0xff}, {0xff, 0xfe, 0x00, 0x00}, {0x84, 0x31, 0x95, 0x33}, {0xfe, 0xff}, {0xff, 0xfe},
}

// isBinary says whether a file that begins like this is copied as it is. The rule is that of isbinaryfile 5,
// which Backstage asks: text has a byte order mark, or no zero byte and no more than one byte in ten that is
// neither ASCII nor part of a UTF-8 sequence. At most sniffBytes+reserveBytes bytes are looked at.
func isBinary(head []byte) bool {
	head = head[:min(len(head), sniffBytes+reserveBytes)]
	for _, mark := range textMarks {
		if bytes.HasPrefix(head, mark) {
			return false
		}
	}
	scanned := min(len(head), sniffBytes)
	if scanned == 0 || bytes.HasPrefix(head, []byte("%PDF-")) {
		return scanned > 0
	}
	suspicious := 0
	for i := 0; i < scanned; i++ {
		b := head[i]
		if b == 0 {
			return true
		}
		if (b >= 7 && b <= 14) || (b >= 32 && b <= 127) {
			continue
		}
		skip, isCharacter := sequence(head[i:])
		if i += skip; isCharacter {
			continue
		}
		suspicious++
		if i >= 32 && suspicious*10 > scanned {
			return true
		}
	}
	return suspicious*10 > scanned || (suspicious > 1 && isProtobuf(head[:scanned]))
}

// sequence reads a UTF-8 sequence that starts with a byte beyond ASCII. It returns how many bytes follow the
// first, and whether the sequence is valid. An invalid one counts as two bytes, as in isbinaryfile.
func sequence(bytes []byte) (skip int, isCharacter bool) {
	following := 0
	switch b := bytes[0]; {
	case b >= 0xc0 && b <= 0xdf:
		following = 1
	case b >= 0xe0 && b <= 0xef:
		following = 2
	case b >= 0xf0 && b <= 0xf7:
		following = 3
	}
	if following == 0 || following >= len(bytes) {
		return 0, false
	}
	for _, b := range bytes[1 : following+1] {
		if b < 0x80 || b > 0xbf {
			return 1, false
		}
	}
	return following, true
}

// isProtobuf reports whether the bytes parse as protobuf fields. The last one may be cut off.
func isProtobuf(data []byte) bool {
	reader := protobufReader{data: data}
	fields := 0
	for {
		known := reader.field()
		switch {
		case reader.short:
			return fields > 0
		case !known:
			return false
		}
		fields++
	}
}

type protobufReader struct {
	data  []byte
	short bool
}

// field skips one field; false means that there is no such type of field.
func (p *protobufReader) field() bool {
	switch p.varint() & 7 {
	case 0:
		p.varint()
	case 1:
		p.skip(8)
	case 2:
		p.skip(int(p.varint()))
	case 5:
		p.skip(4)
	default:
		return false
	}
	return true
}

// varint reads a number in the 32 bits that JavaScript's operators have.
func (p *protobufReader) varint() int32 {
	var number int32
	for index := 0; ; index++ {
		b := p.next()
		number |= int32(b&0x7f) << (7 * index % 32)
		if p.short || b&0x80 == 0 {
			return number
		}
		if index >= 10 {
			p.short = true
			return number
		}
	}
}

func (p *protobufReader) next() byte {
	if p.short || len(p.data) == 0 {
		p.short = true
		return 0xff
	}
	b := p.data[0]
	p.data = p.data[1:]
	return b
}

func (p *protobufReader) skip(count int) {
	if count > len(p.data) {
		p.short = true
		return
	}
	p.data = p.data[max(count, 0):]
}
