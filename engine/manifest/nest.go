package manifest

// readingMax is how many directories inside each other have their pages in
// memory during a walk or a diff: the innermost, where it is at work. When it
// comes back to the others, their pages are read again.
const readingMax = 32

// nest is directories inside each other that are being read, from the outermost
// down. Only the innermost readingMax keep what they have in memory.
type nest[T interface{ rest() }] []T

func (n *nest[T]) push(d T) {
	*n = append(*n, d)
	if far := len(*n) - 1 - readingMax; far >= 0 {
		(*n)[far].rest()
	}
}

func (n *nest[T]) pop() {
	var none T
	last := len(*n) - 1
	(*n)[last], *n = none, (*n)[:last]
}
