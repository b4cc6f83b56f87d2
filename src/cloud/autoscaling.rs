//! The calls of Auto Scaling that are used.

pub use aws_sdk_autoscaling::types;

crate::service_calls! {
    /// The calls of Auto Scaling that are used.
    pub trait Autoscaling, AutoscalingClient for aws_sdk_autoscaling as "autoscaling": {
        read describe_auto_scaling_groups(DescribeAutoScalingGroups: DescribeAutoScalingGroupsInputBuilder) -> DescribeAutoScalingGroupsOutput;
        read describe_launch_configurations(DescribeLaunchConfigurations: DescribeLaunchConfigurationsInputBuilder) -> DescribeLaunchConfigurationsOutput;
        read describe_lifecycle_hooks(DescribeLifecycleHooks: DescribeLifecycleHooksInputBuilder) -> DescribeLifecycleHooksOutput;
        read describe_instance_refreshes(DescribeInstanceRefreshes: DescribeInstanceRefreshesInputBuilder) -> DescribeInstanceRefreshesOutput;
        read describe_notification_configurations(DescribeNotificationConfigurations: DescribeNotificationConfigurationsInputBuilder) -> DescribeNotificationConfigurationsOutput;
        read describe_tags(DescribeTags: DescribeTagsInputBuilder) -> DescribeTagsOutput;
        another create_auto_scaling_group(CreateAutoScalingGroup: CreateAutoScalingGroupInputBuilder) -> CreateAutoScalingGroupOutput;
        same update_auto_scaling_group(UpdateAutoScalingGroup: UpdateAutoScalingGroupInputBuilder) -> UpdateAutoScalingGroupOutput;
        same delete_auto_scaling_group(DeleteAutoScalingGroup: DeleteAutoScalingGroupInputBuilder) -> DeleteAutoScalingGroupOutput;
        same create_or_update_tags(CreateOrUpdateTags: CreateOrUpdateTagsInputBuilder) -> CreateOrUpdateTagsOutput;
        same delete_tags(DeleteTags: DeleteTagsInputBuilder) -> DeleteTagsOutput;
        same put_lifecycle_hook(PutLifecycleHook: PutLifecycleHookInputBuilder) -> PutLifecycleHookOutput;
        same delete_lifecycle_hook(DeleteLifecycleHook: DeleteLifecycleHookInputBuilder) -> DeleteLifecycleHookOutput;
        same complete_lifecycle_action(CompleteLifecycleAction: CompleteLifecycleActionInputBuilder) -> CompleteLifecycleActionOutput;
        same put_notification_configuration(PutNotificationConfiguration: PutNotificationConfigurationInputBuilder) -> PutNotificationConfigurationOutput;
        another start_instance_refresh(StartInstanceRefresh: StartInstanceRefreshInputBuilder) -> StartInstanceRefreshOutput;
        same cancel_instance_refresh(CancelInstanceRefresh: CancelInstanceRefreshInputBuilder) -> CancelInstanceRefreshOutput;
        same suspend_processes(SuspendProcesses: SuspendProcessesInputBuilder) -> SuspendProcessesOutput;
        same resume_processes(ResumeProcesses: ResumeProcessesInputBuilder) -> ResumeProcessesOutput;
        same attach_load_balancer_target_groups(AttachLoadBalancerTargetGroups: AttachLoadBalancerTargetGroupsInputBuilder) -> AttachLoadBalancerTargetGroupsOutput;
        same detach_load_balancer_target_groups(DetachLoadBalancerTargetGroups: DetachLoadBalancerTargetGroupsInputBuilder) -> DetachLoadBalancerTargetGroupsOutput;
        same enable_metrics_collection(EnableMetricsCollection: EnableMetricsCollectionInputBuilder) -> EnableMetricsCollectionOutput;
        same disable_metrics_collection(DisableMetricsCollection: DisableMetricsCollectionInputBuilder) -> DisableMetricsCollectionOutput;
        same terminate_instance_in_auto_scaling_group(TerminateInstanceInAutoScalingGroup: TerminateInstanceInAutoScalingGroupInputBuilder) -> TerminateInstanceInAutoScalingGroupOutput;
        same detach_instances(DetachInstances: DetachInstancesInputBuilder) -> DetachInstancesOutput;
    }
}
