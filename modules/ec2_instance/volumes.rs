//! Volumes of an instance that is there, beside what the task says of them. They are looked at and not changed: a volume holds
//! data, and what can change in place (a larger size, a type) does so over hours, once in six.

use super::launch;
use crate::cloud::Kind;
use crate::cloud::ec2::types;
use crate::cloud::kinds::{Instance, Volume};
use crate::modules::ArgsExt;
use crate::modules::Failure;
use crate::modules::cloud::{Cx, values};
use crate::spec::to_text;
use std::sync::Arc;

/// The region's volumes, where the task speaks of those of instances that are there.
pub async fn read(
    cx: &Cx<'_>,
    instances: &[Arc<types::Instance>],
) -> Result<Vec<Arc<types::Volume>>, Failure> {
    if instances.is_empty() || !cx.args.has("volumes") || cx.is_unknown("volumes") {
        return Ok(Vec::new());
    }
    Ok(cx.account.volumes.all(&*cx.account.ec2).await?)
}

/// What of the task's volumes is otherwise at the instance, device by device; `None`: nothing.
pub fn otherwise(cx: &Cx<'_>, instance: &types::Instance, volumes: &[Arc<types::Volume>]) -> Option<String> {
    if cx.is_unknown("volumes") {
        return None;
    }
    let wanted = launch::volumes(cx).unwrap_or_default();
    let rows: Vec<String> = wanted.iter().filter_map(|device| differs(instance, device, volumes)).collect();
    (!rows.is_empty()).then(|| {
        format!(
            "volumes of {} are left as they are: {}\nhint: EC2's ModifyVolume changes size (larger only), type, iops and \
             throughput of a volume in place; anything else needs another instance",
            Instance::id(instance),
            rows.join("; ")
        )
    })
}

fn differs(
    instance: &types::Instance,
    wanted: &types::BlockDeviceMapping,
    volumes: &[Arc<types::Volume>],
) -> Option<String> {
    let name = wanted.device_name()?;
    let is =
        instance.block_device_mappings().iter().find(|m| m.device_name() == Some(name)).and_then(|m| m.ebs());
    let (is, wanted) = match (is, wanted.ebs()) {
        (Some(_), None) if wanted.no_device().is_some() => {
            return Some(format!("{name} is there and is not wanted"));
        }
        // An instance store is in no list.
        (_, None) => return None,
        (None, Some(_)) => return Some(format!("{name} is not there")),
        (Some(is), Some(wanted)) => (is, wanted),
    };
    let volume = volumes.iter().find(|v| is.volume_id() == Some(Volume::id(v)))?;
    let rows = [
        ("volume_size", volume.size().into(), wanted.volume_size().into()),
        ("volume_type", values::word(volume.volume_type()), values::word(wanted.volume_type())),
        ("iops", volume.iops().into(), wanted.iops().into()),
        ("throughput", volume.throughput().into(), wanted.throughput().into()),
        ("encrypted", volume.encrypted().into(), wanted.encrypted().into()),
        ("delete_on_termination", is.delete_on_termination().into(), wanted.delete_on_termination().into()),
    ];
    // What the service does not tell of it is no difference.
    let rows: Vec<String> = rows
        .iter()
        .filter(|(_, is, wanted): &&(_, crate::base::Value, crate::base::Value)| {
            !is.is_null() && !wanted.is_null() && is != wanted
        })
        .map(|(what, is, wanted)| format!("{what} is {}, not {}", to_text(is), to_text(wanted)))
        .collect();
    (!rows.is_empty()).then(|| format!("{name} ({}): {}", Volume::id(volume), rows.join(", ")))
}
