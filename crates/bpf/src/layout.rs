//! Reading the maps of another layout: by the names of fields, which the kernel keeps with each map.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;

use libbpf_rs::btf::types::Array;
use libbpf_rs::btf::types::Int;
use libbpf_rs::btf::types::MemberAttr;
use libbpf_rs::btf::types::Struct;
use libbpf_rs::btf::Btf;
use libbpf_rs::btf::BtfType;
use libbpf_rs::btf::HasSize;
use libbpf_rs::btf::TypeId;
use libbpf_rs::libbpf_sys;
use libbpf_rs::MapCore;
use libbpf_rs::MapFlags;
use libbpf_rs::MapHandle;
use libbpf_rs::MapInfo;

use crate::abi::decode;
use crate::abi::Plain;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::unpreempted::Unpreempted;

/// A number, or an array of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    at: usize,
    bytes: usize,
    /// Bytes of one number.
    unit: usize,
}

/// The fields of a key or value, by name: `owner.tgid`, `flows.3.bytes`; the name of a plain number
/// is empty.
type Shape = HashMap<String, Field>;

/// Brings a record of one layout into another.
#[derive(Debug)]
pub(crate) struct Converter {
    /// From, to, how many bytes.
    copies: Vec<(usize, usize, usize)>,
    size: usize,
}

impl Converter {
    /// A field keeps the size of its numbers, or it is another field.
    fn between(old: &Shape, new: &Shape, size: usize) -> std::result::Result<Self, String> {
        let mut copies = Vec::new();
        for (name, to) in new {
            let Some(from) = old.get(name) else {
                continue;
            };
            if from.unit != to.unit {
                return Err(format!(
                    "field {name} has {} bytes, not {}",
                    from.unit, to.unit
                ));
            }
            copies.push((from.at, to.at, from.bytes.min(to.bytes)));
        }
        if copies.is_empty() {
            return Err("no field is known".to_owned());
        }
        Ok(Converter { copies, size })
    }

    /// The record in the new layout. What the old one did not have is 0.
    pub(crate) fn convert(&self, old: &[u8]) -> Vec<u8> {
        let mut new = vec![0; self.size];
        self.write(old, &mut new);
        new
    }

    /// Writes what the old record has over a new one.
    pub(crate) fn write(&self, old: &[u8], new: &mut [u8]) {
        for (from, to, bytes) in self.copies.iter().copied() {
            let source = old.get(from..from + bytes);
            let target = new.get_mut(to..to + bytes);
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
    }
}

/// From the entries of a map of an older layout to those of its successor.
#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) key: Converter,
    /// From new keys to old ones.
    pub(crate) old_key: Converter,
    pub(crate) value: Converter,
}

impl Bridge {
    /// Asks the kernel for the types of both maps. A field of the value whose name begins with
    /// `except` is not brought over.
    ///
    /// # Errors
    /// [`Error::Kernel`] when they cannot be had or do not fit; needs CAP_SYS_ADMIN.
    pub(crate) fn without(
        except: &str,
        name: &str,
        old: &MapHandle,
        new: &MapHandle,
    ) -> Result<Bridge> {
        let misfit = |found: String| {
            let doing = format!("read the map {name} of an older layout");
            Error::kernel(doing, io::Error::other(found))
        };
        let shapes = |map: &MapHandle| -> Result<(Shape, Shape)> {
            let info = MapInfo::new(map.as_fd())
                .map_err(|e| Error::kernel("ask for a map", errno(&e)))?
                .info;
            let btf = types(info.btf_id)?;
            let shape = |id| shape(&btf, id).ok_or_else(|| misfit("its type is not known".into()));
            Ok((shape(info.btf_key_type_id)?, shape(info.btf_value_type_id)?))
        };
        let (old_shapes, mut new_shapes) = (shapes(old)?, shapes(new)?);
        let left_out = |name: &String| !except.is_empty() && name.starts_with(except);
        new_shapes.1.retain(|name, _| !left_out(name));
        let converter = |old, new, size: u32| Converter::between(old, new, size as usize);
        let bridge = || {
            Ok(Bridge {
                key: converter(&old_shapes.0, &new_shapes.0, new.key_size())?,
                old_key: converter(&new_shapes.0, &old_shapes.0, old.key_size())?,
                value: converter(&old_shapes.1, &new_shapes.1, new.value_size())?,
            })
        };
        bridge().map_err(misfit)
    }

    /// All that both have.
    ///
    /// # Errors
    /// As [`Bridge::without`].
    pub(crate) fn between(name: &str, old: &MapHandle, new: &MapHandle) -> Result<Bridge> {
        Bridge::without("", name, old, new)
    }
}

/// The one entry of an array, brought into the layout of its successor.
pub(crate) fn only_entry<T: Plain + Default>(
    name: &str,
    old: &MapHandle,
    new: &MapHandle,
) -> Result<T> {
    let _unpreempted = Unpreempted::enter();
    let entry = old
        .lookup(&[0; 4], MapFlags::ANY)
        .map_err(|e| Error::kernel("read a map entry", errno(&e)))?;
    let bridge = Bridge::between(name, old, new)?;
    let converted = entry.and_then(|entry| decode(&bridge.value.convert(&entry)));
    Ok(converted.unwrap_or_default())
}

/// A number of the one entry of an array, whatever its layout.
pub(crate) fn number(map: &MapHandle, name: &str) -> Option<u32> {
    let info = MapInfo::new(map.as_fd()).ok()?.info;
    let shape = shape(&types(info.btf_id).ok()?, info.btf_value_type_id)?;
    let at = shape.get(name)?.at;
    let _unpreempted = Unpreempted::enter();
    let entry = map.lookup(&[0; 4], MapFlags::ANY).ok()??;
    decode(entry.get(at..)?)
}

/// Type information that the kernel has. It is parsed from a file in memory, because libbpf-rs
/// opens types of programs and of files only.
fn types(id: u32) -> Result<Btf<'static>> {
    let failed = |e: io::Error| Error::kernel("read the types of a map", e);
    if id == 0 {
        return Err(failed(io::Error::other("the kernel keeps none")));
    }
    // SAFETY: a plain number goes in, a pointer that we own or NULL comes out.
    let btf = unsafe { libbpf_sys::btf__load_from_kernel_by_id(id) };
    if btf.is_null() {
        return Err(failed(io::Error::last_os_error()));
    }
    let mut size = 0;
    // SAFETY: `btf` is valid until it is freed below, and so is the memory that holds its raw form,
    // which is copied before.
    let raw = unsafe {
        let data = libbpf_sys::btf__raw_data(btf, &mut size).cast::<u8>();
        let copied =
            (!data.is_null()).then(|| std::slice::from_raw_parts(data, size as usize).to_vec());
        libbpf_sys::btf__free(btf);
        copied
    };
    let raw = raw.ok_or_else(|| failed(io::ErrorKind::OutOfMemory.into()))?;
    // SAFETY: the name is a C string; the descriptor is new and ours.
    let mut file = unsafe {
        let descriptor = libc::memfd_create(c"netmon-types".as_ptr(), libc::MFD_CLOEXEC);
        if descriptor < 0 {
            return Err(failed(io::Error::last_os_error()));
        }
        File::from_raw_fd(descriptor)
    };
    file.write_all(&raw).map_err(failed)?;
    Btf::from_path(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(|e| failed(errno(&e)))
}

fn shape(btf: &Btf<'_>, id: u32) -> Option<Shape> {
    let mut shape = Shape::new();
    add(&mut shape, btf, TypeId::from(id), "", 0)?;
    Some(shape)
}

/// `None`: a type that no entry of ours has.
fn add(shape: &mut Shape, btf: &Btf<'_>, id: TypeId, name: &str, at: usize) -> Option<()> {
    let kind = btf.type_by_id::<BtfType<'_>>(id)?.skip_mods_and_typedefs();
    let number = |bytes, unit| Field { at, bytes, unit };
    if let Some(unit) = number_size(kind) {
        shape.insert(name.to_owned(), number(unit, unit));
        return Some(());
    }
    let inner = |part: &str| match name {
        "" => part.to_owned(),
        name => format!("{name}.{part}"),
    };
    if let Ok(array) = Array::try_from(kind) {
        let element = array.contained_type().skip_mods_and_typedefs();
        if let Some(unit) = number_size(element) {
            shape.insert(name.to_owned(), number(unit * array.capacity(), unit));
            return Some(());
        }
        let size = Struct::try_from(element).ok()?.size();
        for index in 0..array.capacity() {
            let name = inner(&index.to_string());
            add(shape, btf, element.type_id(), &name, at + index * size)?;
        }
        return Some(());
    }
    for member in Struct::try_from(kind).ok()?.iter() {
        let MemberAttr::Normal { offset } = member.attr else {
            return None;
        };
        let name = inner(member.name?.to_str()?);
        add(shape, btf, member.ty, &name, at + offset as usize / 8)?;
    }
    Some(())
}

fn number_size(kind: BtfType<'_>) -> Option<usize> {
    Int::try_from(kind).ok().map(|int| int.size())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(fields: &[(&str, usize, usize, usize)]) -> Shape {
        let field = |(name, at, bytes, unit): &(&str, usize, usize, usize)| {
            let (at, bytes, unit) = (*at, *bytes, *unit);
            ((*name).to_owned(), Field { at, bytes, unit })
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn fields_are_found_by_name_wherever_they_are() {
        let old = shape_of(&[("a", 0, 4, 4), ("gone", 4, 4, 4), ("text", 8, 4, 1)]);
        let new = shape_of(&[("added", 0, 8, 8), ("text", 8, 6, 1), ("a", 16, 4, 4)]);
        let converter = Converter::between(&old, &new, 20).unwrap();
        let record = [1, 2, 3, 4, 9, 9, 9, 9, b'n', b'a', b'm', b'e'];
        let converted = converter.convert(&record);
        assert_eq!(converted[..8], [0; 8], "new fields are 0");
        assert_eq!(&converted[8..14], b"name\0\0");
        assert_eq!(converted[16..], [1, 2, 3, 4]);
        let mut there = [7; 20];
        converter.write(&record, &mut there);
        assert_eq!(
            there[..8],
            [7; 8],
            "and are left alone in a record that is there"
        );
    }

    #[test]
    fn a_number_that_became_wider_is_not_guessed() {
        let old = shape_of(&[("a", 0, 4, 4)]);
        let wider = shape_of(&[("a", 0, 8, 8)]);
        let other = shape_of(&[("b", 0, 4, 4)]);
        assert!(Converter::between(&old, &wider, 8).is_err());
        assert!(
            Converter::between(&old, &other, 4).is_err(),
            "nothing in common"
        );
    }
}
