//! Values to bytes: what the builder accepts as a header's value, and how typed values print.

use super::host::Host;

/// Something that has a spelling on the wire.
pub trait ToWire {
    /// Appends that spelling.
    fn to_wire(&self, out: &mut Vec<u8>);

    /// That spelling alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.to_wire(&mut out);
        out
    }
}

impl ToWire for [u8] {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}
impl<const N: usize> ToWire for [u8; N] {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}
impl ToWire for Vec<u8> {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}
impl ToWire for str {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}
impl ToWire for String {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}
impl ToWire for u64 {
    fn to_wire(&self, out: &mut Vec<u8>) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = *self;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        out.extend_from_slice(&digits[at..]);
    }
}
impl ToWire for u32 {
    fn to_wire(&self, out: &mut Vec<u8>) {
        u64::from(*self).to_wire(out);
    }
}
impl ToWire for u16 {
    fn to_wire(&self, out: &mut Vec<u8>) {
        u64::from(*self).to_wire(out);
    }
}
impl ToWire for u8 {
    fn to_wire(&self, out: &mut Vec<u8>) {
        u64::from(*self).to_wire(out);
    }
}
impl<T: ToWire + ?Sized> ToWire for &T {
    fn to_wire(&self, out: &mut Vec<u8>) {
        (**self).to_wire(out);
    }
}
impl<T: ToWire + ?Sized> ToWire for Box<T> {
    fn to_wire(&self, out: &mut Vec<u8>) {
        (**self).to_wire(out);
    }
}
impl ToWire for Host {
    fn to_wire(&self, out: &mut Vec<u8>) {
        match self {
            Host::Name(name) => name.to_wire(out),
            address => address.to_string().to_wire(out),
        }
    }
}
impl ToWire for super::method::Method {
    fn to_wire(&self, out: &mut Vec<u8>) {
        self.as_str().to_wire(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_in_decimal() {
        for n in [0, 9, 10, 4_294_967_295, u64::MAX] {
            assert_eq!(n.to_bytes(), n.to_string().into_bytes());
        }
    }
}
