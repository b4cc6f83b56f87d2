//! ec2_launch_template_info: tell what launch templates there are.

use crate::cloud::kinds::LaunchTemplate;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info};

/// The run's one listing of DescribeLaunchTemplates, shared by all tasks; with ids or filters a call of its
/// own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<LaunchTemplate> {
        returns: "launch_templates",
        ids: &[("launch_template_ids", "launch-template-id")],
        table: |account| &account.launch_templates,
        value: super::m_ec2_launch_template::shown,
    }))
}
